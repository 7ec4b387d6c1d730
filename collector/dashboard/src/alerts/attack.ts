// Names of MITRE ATT&CK tactics and techniques. The id is what counts; names help to read it.
// Source: attack.mitre.org, Enterprise matrix. The Vietnamese names are ours.

type Name = { en: string; vi: string };

const name = (en: string, vi: string): Name => ({ en, vi });

const TACTICS: Record<string, Name> = {
  reconnaissance: name('Reconnaissance', 'Trinh sát'),
  'resource-development': name('Resource Development', 'Chuẩn bị nguồn lực'),
  'initial-access': name('Initial Access', 'Xâm nhập ban đầu'),
  execution: name('Execution', 'Thực thi'),
  persistence: name('Persistence', 'Duy trì hiện diện'),
  'privilege-escalation': name('Privilege Escalation', 'Leo thang đặc quyền'),
  'defense-evasion': name('Defense Evasion', 'Lẩn tránh phòng thủ'),
  'defense-impairment': name('Defense Impairment', 'Làm suy yếu phòng thủ'),
  stealth: name('Stealth', 'Ẩn mình'),
  'credential-access': name('Credential Access', 'Chiếm thông tin đăng nhập'),
  discovery: name('Discovery', 'Dò xét'),
  'lateral-movement': name('Lateral Movement', 'Lan sang máy khác'),
  collection: name('Collection', 'Thu thập dữ liệu'),
  'command-and-control': name('Command and Control', 'Ra lệnh và điều khiển'),
  exfiltration: name('Exfiltration', 'Đưa dữ liệu ra ngoài'),
  impact: name('Impact', 'Gây tác hại'),
};

const TECHNIQUES: Record<string, Name> = {
  T1003: name('OS Credential Dumping', 'Trích xuất thông tin đăng nhập'),
  'T1003.008': name('/etc/passwd and /etc/shadow', 'Đọc /etc/passwd và /etc/shadow'),
  T1005: name('Data from Local System', 'Lấy dữ liệu trên máy'),
  T1016: name('System Network Configuration Discovery', 'Dò cấu hình mạng'),
  T1018: name('Remote System Discovery', 'Dò máy khác trong mạng'),
  T1020: name('Automated Exfiltration', 'Tự động đưa dữ liệu ra ngoài'),
  T1021: name('Remote Services', 'Dịch vụ truy cập từ xa'),
  'T1021.001': name('Remote Desktop Protocol', 'Máy tính từ xa (RDP)'),
  'T1021.002': name('SMB/Windows Admin Shares', 'Chia sẻ quản trị SMB'),
  'T1021.004': name('SSH', 'Đăng nhập SSH'),
  'T1021.005': name('VNC', 'Màn hình từ xa VNC'),
  T1027: name('Obfuscated Files or Information', 'Che giấu tệp hoặc thông tin'),
  T1036: name('Masquerading', 'Giả dạng'),
  T1040: name('Network Sniffing', 'Nghe lén mạng'),
  T1041: name('Exfiltration Over C2 Channel', 'Đưa dữ liệu ra qua kênh điều khiển'),
  T1046: name('Network Service Discovery', 'Dò dịch vụ mạng'),
  T1048: name('Exfiltration Over Alternative Protocol', 'Đưa dữ liệu ra qua giao thức khác'),
  T1053: name('Scheduled Task/Job', 'Tác vụ hẹn giờ'),
  'T1053.003': name('Cron', 'Tác vụ cron'),
  T1055: name('Process Injection', 'Chèn mã vào tiến trình'),
  T1059: name('Command and Scripting Interpreter', 'Trình thông dịch lệnh'),
  'T1059.001': name('PowerShell', 'Lệnh PowerShell'),
  'T1059.004': name('Unix Shell', 'Lệnh shell Unix'),
  T1068: name('Exploitation for Privilege Escalation', 'Khai thác lỗ hổng để leo quyền'),
  T1070: name('Indicator Removal', 'Xoá dấu vết'),
  'T1070.001': name('Clear Windows Event Logs', 'Xoá nhật ký Windows'),
  'T1070.002': name('Clear Linux or Mac System Logs', 'Xoá nhật ký hệ thống'),
  'T1070.003': name('Clear Command History', 'Xoá lịch sử lệnh'),
  'T1070.004': name('File Deletion', 'Xoá tệp'),
  'T1070.006': name('Timestomp', 'Sửa thời gian tệp'),
  T1071: name('Application Layer Protocol', 'Giao thức tầng ứng dụng'),
  'T1071.001': name('Web Protocols', 'Giao thức web'),
  T1078: name('Valid Accounts', 'Tài khoản hợp lệ'),
  'T1078.003': name('Local Accounts', 'Tài khoản cục bộ'),
  T1083: name('File and Directory Discovery', 'Dò tệp và thư mục'),
  T1090: name('Proxy', 'Máy trung gian'),
  T1095: name('Non-Application Layer Protocol', 'Giao thức ngoài tầng ứng dụng'),
  T1098: name('Account Manipulation', 'Thay đổi tài khoản'),
  'T1098.007': name('Additional Local or Domain Groups', 'Thêm vào nhóm quyền'),
  T1105: name('Ingress Tool Transfer', 'Tải công cụ vào máy'),
  T1110: name('Brute Force', 'Dò mật khẩu'),
  'T1110.001': name('Password Guessing', 'Đoán mật khẩu'),
  'T1110.003': name('Password Spraying', 'Rải mật khẩu'),
  'T1110.004': name('Credential Stuffing', 'Thử thông tin đăng nhập bị lộ'),
  T1124: name('System Time Discovery', 'Dò giờ hệ thống'),
  T1133: name('External Remote Services', 'Dịch vụ từ xa mở ra ngoài'),
  T1136: name('Create Account', 'Tạo tài khoản'),
  'T1136.001': name('Local Account', 'Tạo tài khoản cục bộ'),
  T1190: name('Exploit Public-Facing Application', 'Khai thác ứng dụng công khai'),
  T1203: name('Exploitation for Client Execution', 'Khai thác phần mềm người dùng'),
  T1204: name('User Execution', 'Người dùng tự chạy'),
  'T1204.002': name('Malicious File', 'Mở tệp độc hại'),
  T1210: name('Exploitation of Remote Services', 'Khai thác dịch vụ từ xa'),
  'T1213.006': name('Databases', 'Lấy dữ liệu từ cơ sở dữ liệu'),
  T1219: name('Remote Access Tools', 'Công cụ truy cập từ xa'),
  T1485: name('Data Destruction', 'Phá huỷ dữ liệu'),
  T1486: name('Data Encrypted for Impact', 'Mã hoá dữ liệu tống tiền'),
  T1489: name('Service Stop', 'Dừng dịch vụ'),
  T1490: name('Inhibit System Recovery', 'Ngăn khôi phục hệ thống'),
  T1496: name('Resource Hijacking', 'Chiếm dụng tài nguyên'),
  T1498: name('Network Denial of Service', 'Từ chối dịch vụ mạng'),
  T1499: name('Endpoint Denial of Service', 'Từ chối dịch vụ máy đích'),
  'T1499.001': name('OS Exhaustion Flood', 'Làm cạn tài nguyên hệ điều hành'),
  T1505: name('Server Software Component', 'Thành phần phần mềm máy chủ'),
  'T1505.003': name('Web Shell', 'Cửa hậu web (web shell)'),
  T1529: name('System Shutdown/Reboot', 'Tắt hoặc khởi động lại máy'),
  T1531: name('Account Access Removal', 'Chặn truy cập tài khoản'),
  T1543: name('Create or Modify System Process', 'Tạo hoặc sửa dịch vụ hệ thống'),
  'T1543.002': name('Systemd Service', 'Tạo dịch vụ systemd'),
  T1546: name('Event Triggered Execution', 'Thực thi theo sự kiện'),
  T1548: name('Abuse Elevation Control Mechanism', 'Lạm dụng cơ chế nâng quyền'),
  'T1548.003': name('Sudo and Sudo Caching', 'Lạm dụng sudo'),
  T1552: name('Unsecured Credentials', 'Thông tin đăng nhập không bảo vệ'),
  'T1552.001': name('Credentials In Files', 'Thông tin đăng nhập trong tệp'),
  'T1552.004': name('Private Keys', 'Lấy khoá riêng'),
  T1557: name('Adversary-in-the-Middle', 'Kẻ tấn công đứng giữa'),
  T1562: name('Impair Defenses', 'Làm suy yếu phòng thủ'),
  'T1562.001': name('Disable or Modify Tools', 'Tắt hoặc sửa công cụ bảo vệ'),
  'T1562.004': name('Disable or Modify System Firewall', 'Tắt hoặc sửa tường lửa'),
  'T1562.006': name('Indicator Blocking', 'Chặn dữ liệu giám sát'),
  'T1562.008': name('Disable or Modify Cloud Logs', 'Tắt nhật ký đám mây'),
  'T1562.012': name('Disable or Modify Linux Audit System', 'Tắt kiểm toán Linux'),
  T1566: name('Phishing', 'Lừa đảo qua thư'),
  T1569: name('System Services', 'Dịch vụ hệ thống'),
  T1571: name('Non-Standard Port', 'Cổng không chuẩn'),
  T1572: name('Protocol Tunneling', 'Đường hầm giao thức'),
  T1583: name('Acquire Infrastructure', 'Chuẩn bị hạ tầng'),
  T1587: name('Develop Capabilities', 'Phát triển công cụ'),
  T1588: name('Obtain Capabilities', 'Kiếm công cụ'),
  T1610: name('Deploy Container', 'Triển khai vùng chứa'),
  T1595: name('Active Scanning', 'Quét chủ động'),
  'T1595.002': name('Vulnerability Scanning', 'Quét lỗ hổng'),
  'T1595.003': name('Wordlist Scanning', 'Quét theo danh sách từ'),
};

export interface Tag {
  id: string;
  name: string | null;
}

/** What a rule's tag means; a tag we have no name for is shown as it is. */
export function attack(tag: string, language: 'vi' | 'en'): Tag {
  const [space, ...rest] = tag.split('.');
  const value = rest.join('.');
  if (space !== 'attack' || value === '') return { id: tag, name: null };
  const tactic = TACTICS[value.replaceAll('_', '-')];
  if (tactic) return { id: tactic[language], name: null };
  const id = value.toUpperCase();
  const technique = TECHNIQUES[id] ?? TECHNIQUES[id.split('.')[0] ?? ''];
  return { id, name: technique ? technique[language] : null };
}
