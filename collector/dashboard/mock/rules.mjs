// Rules as the collector lists them, and what an alert of each looks like.

const rule = (level, en, vi, tags, logsource, describe, steps, event, more = {}) => ({
  level,
  title: { en, vi },
  tags,
  logsource,
  description: describe,
  steps,
  event,
  correlation: false,
  alerts: true,
  ...more,
});

const attacker = (r) => `203.0.113.${1 + r.below(250)}`;
const user = (r) =>
  r.pick(['root', 'admin', 'vanthu', 'ketoan', 'nguyenvanan', 'tranthibinh', 'quantri']);

export const RULES = [
  rule(
    'high',
    'An administrator came from a network never seen before',
    'Quản trị viên đăng nhập từ mạng chưa từng thấy',
    ['attack.initial-access', 'attack.t1078'],
    { product: 'soc', service: 'log' },
    {
      en: 'Somebody with all rights logged in from a network he or she never came from.',
      vi: 'Một tài khoản toàn quyền đăng nhập từ mạng mà trước đây chưa từng dùng.',
    },
    {
      en: [
        'Call the administrator named in the event and ask.',
        'If it was not him or her, end the session and lock the account.',
      ],
      vi: [
        'Gọi điện cho quản trị viên trong sự kiện để xác nhận.',
        'Nếu không phải, ngắt phiên và khóa tài khoản.',
      ],
    },
    (r) => {
      const network = `203.0.${r.below(250)}`;
      const line = `Nov 22 09:12:44 web sshd[811]: Accepted publickey for root from ${network}.9 port 51122 ssh2`;
      return {
        kind: 'log.anomaly',
        group: { 'anomaly.value': `root@${network}.0/24` },
        fields: {
          'anomaly.kind': 'first_seen',
          'anomaly.id': r.hex(16),
          'anomaly.source': '/var/log/auth.log',
          'anomaly.field': 'administrator.network',
          'anomaly.value': `root@${network}.0/24`,
          'anomaly.expected': '3 known, 0.02 new/day',
          'anomaly.seen': `root@${network}.0/24`,
          'anomaly.score': 0.98,
          'anomaly.samples': [line],
          'user.name': 'root',
          'source.ip': `${network}.9`,
          'process.name': 'sshd',
        },
        raw: null,
        predicates: [
          ['selection', 'anomaly.field', [], 'administrator.network', 'administrator.network'],
        ],
      };
    },
  ),
  rule(
    'high',
    'SSH login succeeded after repeated failures',
    'Đăng nhập SSH thành công sau nhiều lần thất bại',
    ['attack.credential-access', 'attack.t1110.001', 'attack.t1021.004'],
    { product: 'linux', service: 'sshd' },
    {
      en: 'Many failed SSH logins from one address were followed by a success: the password was probably guessed.',
      vi: 'Nhiều lần đăng nhập SSH thất bại từ một địa chỉ, sau đó thành công: nhiều khả năng mật khẩu đã bị dò ra.',
    },
    {
      en: [
        'Lock the account and end its sessions.',
        'Block the source address at the firewall.',
        'Look for what was done after the login.',
        'Change the password and use keys.',
      ],
      vi: [
        'Khoá tài khoản và ngắt các phiên đang mở.',
        'Chặn địa chỉ nguồn trên tường lửa.',
        'Kiểm tra những gì đã làm sau khi đăng nhập.',
        'Đổi mật khẩu và chuyển sang dùng khoá.',
      ],
    },
    (r) => {
      const ip = attacker(r),
        u = user(r),
        port = 30000 + r.below(30000);
      return {
        kind: 'log',
        group: { 'source.ip': ip, 'user.name': u },
        fields: {
          'log.source': 'file',
          'log.file.path': '/var/log/auth.log',
          'process.name': 'sshd',
          'process.pid': 1000 + r.below(9000),
          'event.action': 'ssh_login',
          'event.outcome': 'success',
          'user.name': u,
          'source.ip': ip,
          'source.port': port,
          'ssh.method': 'password',
          message: `Accepted password for ${u} from ${ip} port ${port} ssh2`,
        },
        raw: `Nov 22 09:14:07 may-chu sshd[4121]: Accepted password for ${u} from ${ip} port ${port} ssh2`,
        predicates: [
          ['selection', 'event.action', '', 'ssh_login', 'ssh_login'],
          ['selection', 'event.outcome', '', 'success', 'success'],
        ],
      };
    },
    { correlation: true },
  ),
  rule(
    'medium',
    'SSH brute force',
    'Dò mật khẩu SSH',
    ['attack.credential-access', 'attack.t1110'],
    { product: 'linux', service: 'sshd' },
    {
      en: 'At least six failed SSH logins from one address within five minutes.',
      vi: 'Ít nhất sáu lần đăng nhập SSH thất bại từ một địa chỉ trong năm phút.',
    },
    {
      en: ['Check that SSH is not reachable from the Internet.', 'Block the address.'],
      vi: ['Kiểm tra SSH có mở ra Internet không.', 'Chặn địa chỉ nguồn.'],
    },
    (r) => {
      const ip = attacker(r),
        u = user(r);
      return {
        kind: 'log',
        group: { 'source.ip': ip },
        fields: {
          'process.name': 'sshd',
          'event.action': 'ssh_login',
          'event.outcome': 'failure',
          'user.name': u,
          'source.ip': ip,
          'ssh.method': 'password',
        },
        raw: `Nov 22 08:51:33 may-chu sshd[3311]: Failed password for invalid user ${u} from ${ip} port 51122 ssh2`,
        predicates: [['failure', 'event.outcome', '', 'failure', 'failure']],
      };
    },
    { correlation: true },
  ),
  rule(
    'critical',
    'Malware found by antivirus',
    'Phần mềm diệt virus phát hiện mã độc',
    ['attack.execution', 'attack.t1204.002'],
    { product: 'soc', service: 'antivirus' },
    {
      en: 'The antivirus product found malware on the machine.',
      vi: 'Phần mềm diệt virus trên máy đã phát hiện mã độc.',
    },
    {
      en: [
        'Take the machine off the network.',
        'Keep the file for analysis; do not open it.',
        'Scan the whole machine and shared drives.',
      ],
      vi: [
        'Ngắt máy khỏi mạng.',
        'Giữ lại tệp để phân tích, không mở tệp.',
        'Quét toàn bộ máy và các ổ dùng chung.',
      ],
    },
    (r) => {
      const name = r.pick([
        'Win.Trojan.Agent-1388',
        'Unix.Trojan.Mirai-7100807-0',
        'Eicar-Test-Signature',
        'Xls.Downloader.Emotet-99',
      ]);
      const path = `/home/${user(r)}/Tải xuống/${r.pick(['Báo giá thiết bị.xls', 'cong-van-so-218.docm', 'eicar.com', 'Danh sách cán bộ\u202Excod.exe'])}`;
      return {
        kind: 'antivirus.detection',
        group: { 'threat.name': name },
        fields: {
          'antivirus.product': 'ClamAV',
          'threat.name': name,
          'file.path': path,
          'antivirus.action': 'found',
        },
        raw: null,
        predicates: [
          ['selection', 'antivirus.product', 'exists', 'true', 'ClamAV'],
          ['selection', 'threat.name', 're', '.+', name, 0, name.length],
        ],
      };
    },
  ),
  rule(
    'high',
    'No antivirus on the machine',
    'Máy không có phần mềm diệt virus',
    ['attack.defense-evasion', 'attack.t1562.001'],
    { product: 'soc', service: 'antivirus' },
    { en: 'No antivirus product was found.', vi: 'Không tìm thấy phần mềm diệt virus nào.' },
    { en: ['Install the licensed product.'], vi: ['Cài phần mềm diệt virus có bản quyền.'] },
    () => ({
      kind: 'antivirus.status',
      group: {},
      fields: {
        'antivirus.product': 'none',
        'antivirus.state': 'missing',
        'antivirus.reasons': ['no_product'],
      },
      raw: null,
      predicates: [['selection', 'antivirus.state', '', 'missing', 'missing', 0, 7]],
    }),
  ),
  rule(
    'medium',
    'Antivirus signatures older than 15 days',
    'Mẫu nhận diện virus cũ hơn 15 ngày',
    ['attack.defense-evasion', 'attack.t1562.001'],
    { product: 'soc', service: 'antivirus' },
    {
      en: 'Signatures have not been updated for 15 days.',
      vi: 'Mẫu nhận diện không được cập nhật trong 15 ngày.',
    },
    {
      en: ['Check the update server.'],
      vi: ['Kiểm tra máy chủ cập nhật.', 'Chạy cập nhật bằng tay.'],
    },
    (r) => {
      const d = 16 + r.below(80);
      return {
        kind: 'antivirus.status',
        group: {},
        fields: {
          'antivirus.product': 'ClamAV',
          'antivirus.state': 'weak',
          'antivirus.signatures.age_days': d,
        },
        raw: null,
        predicates: [['selection', 'antivirus.signatures.age_days', 'gt', '15', String(d)]],
      };
    },
  ),
  rule(
    'high',
    'Database port open to any address',
    'Cổng cơ sở dữ liệu mở cho mọi địa chỉ',
    ['attack.initial-access', 'attack.t1190'],
    { product: 'soc', service: 'port' },
    { en: 'A database listens on all addresses.', vi: 'Cơ sở dữ liệu lắng nghe trên mọi địa chỉ.' },
    {
      en: ['Bind it to the loopback address.', 'Close the port on the firewall.'],
      vi: ['Đổi cấu hình để chỉ nghe trong máy.', 'Đóng cổng trên tường lửa.'],
    },
    (r) => {
      const [p, n] = r.pick([
        [3306, 'mariadbd'],
        [5432, 'postgres'],
        [6379, 'redis-server'],
        [27017, 'mongod'],
      ]);
      return {
        kind: 'port.opened',
        group: { 'server.port': p, 'process.name': n },
        fields: {
          'network.transport': 'tcp',
          'server.ip': '0.0.0.0',
          'server.port': p,
          'port.scope': 'any',
          'process.name': n,
          'process.executable': `/usr/sbin/${n}`,
          'user.name': n,
        },
        raw: null,
        predicates: [
          ['selection', 'port.scope', '', 'any', 'any', 0, 3],
          ['selection', 'server.port', '', String(p), String(p)],
        ],
      };
    },
  ),
  rule(
    'low',
    'New port open to the network',
    'Cổng mới mở ra mạng',
    ['attack.persistence', 'attack.t1571'],
    { product: 'soc', service: 'port' },
    {
      en: 'A program opened a port reachable from other machines.',
      vi: 'Một chương trình mở cổng mà máy khác truy cập được.',
    },
    {
      en: ['Ask whether the service was planned.'],
      vi: ['Hỏi người phụ trách xem dịch vụ có trong kế hoạch không.'],
    },
    (r) => {
      const p = 1024 + r.below(60000);
      return {
        kind: 'port.opened',
        group: { 'server.port': p },
        fields: {
          'server.ip': '0.0.0.0',
          'server.port': p,
          'port.scope': 'any',
          'process.name': 'python3',
          'process.executable': '/usr/bin/python3.11',
        },
        raw: null,
        predicates: [['selection', 'port.scope', '', 'any', 'any', 0, 3]],
      };
    },
  ),
  rule(
    'high',
    'Agent silent',
    'Máy mất liên lạc',
    ['attack.defense-evasion', 'attack.t1562'],
    { product: 'soc', service: 'agent' },
    {
      en: 'The machine was not heard for 90 seconds and did not say goodbye.',
      vi: 'Không nhận được tín hiệu của máy trong 90 giây và máy không báo tắt.',
    },
    {
      en: ['Call the person in charge of the machine.'],
      vi: ['Gọi cho người phụ trách máy.', 'Kiểm tra nguồn điện và mạng.'],
    },
    (r) => ({
      kind: 'agent.silent',
      group: {},
      fields: { 'agent.silent_s': 85 + r.below(5) },
      raw: null,
      predicates: [['selection', 'agent.silent_s', 'gte', '85', '87']],
    }),
  ),
  rule(
    'critical',
    'Web shell requested',
    'Truy cập cửa hậu web (web shell)',
    ['attack.persistence', 'attack.t1505.003'],
    { category: 'webserver', product: 'nginx' },
    {
      en: 'A request names a known web shell and the server answered it.',
      vi: 'Có yêu cầu tới tệp cửa hậu web đã biết và máy chủ đã trả lời.',
    },
    {
      en: ['Take the file away and keep a copy.', 'Look for the upload.'],
      vi: ['Gỡ tệp và giữ một bản để phân tích.', 'Tìm thời điểm tệp được tải lên.'],
    },
    (r) => {
      const ip = attacker(r);
      const q =
        '/sites/default/files/c99.php?cmd=<script>alert(1)</script>\u0000\u001b[31mid\u001b[0m';
      return {
        kind: 'log',
        group: { 'source.ip': ip },
        fields: {
          'source.ip': ip,
          'http.request.method': 'GET',
          'url.original': q,
          'http.response.status_code': 200,
          'user_agent.original': '"><img src=x onerror=alert(document.domain)>',
        },
        raw: `${ip} - - [22/Nov/2026:09:02:11 +0700] "GET ${q} HTTP/1.1" 200 512 "-" "\"><img src=x onerror=alert(document.domain)>"`,
        predicates: [
          [
            'selection',
            'url.original',
            'contains',
            'c99.php',
            q,
            q.indexOf('c99.php'),
            q.indexOf('c99.php') + 7,
          ],
        ],
      };
    },
  ),
  rule(
    'medium',
    'SQL injection attempt',
    'Thử chèn mã SQL',
    ['attack.initial-access', 'attack.t1190'],
    { category: 'webserver', product: 'apache' },
    {
      en: 'The query of a request looks like SQL injection.',
      vi: 'Tham số của yêu cầu có dạng chèn mã SQL.',
    },
    {
      en: ['Check what the server answered.'],
      vi: ['Xem máy chủ đã trả lời gì.', 'Kiểm tra bản vá của cổng thông tin.'],
    },
    (r) => {
      const ip = attacker(r);
      const q = "/dich-vu-cong?ma=218' UNION SELECT matkhau FROM nguoidung--";
      const at = new TextEncoder().encode(q.slice(0, q.indexOf('UNION'))).length;
      return {
        kind: 'log',
        group: { 'source.ip': ip },
        fields: { 'source.ip': ip, 'url.original': q, 'http.response.status_code': 403 },
        raw: `${ip} - - "GET ${q}" 403`,
        predicates: [['selection', 'url.original', 'contains', 'union select', q, at, at + 12]],
      };
    },
  ),
  rule(
    'medium',
    'Account added to sudo',
    'Thêm tài khoản vào nhóm sudo',
    ['attack.persistence', 'attack.t1098.007'],
    { product: 'linux', service: 'auth' },
    {
      en: 'An account was given administrator rights.',
      vi: 'Một tài khoản được cấp quyền quản trị.',
    },
    { en: ['Confirm with the person in charge.'], vi: ['Xác nhận với người phụ trách.'] },
    (r) => {
      const u = user(r);
      return {
        kind: 'log',
        group: { 'user.target.name': u },
        fields: {
          'event.action': 'group_member_added',
          'user.target.name': u,
          'group.name': 'sudo',
        },
        raw: `usermod[991]: add '${u}' to group 'sudo'`,
        predicates: [['selection', 'group.name', '', 'sudo', 'sudo', 0, 4]],
      };
    },
  ),
  rule(
    'high',
    'Disk nearly full',
    'Ổ đĩa gần đầy',
    ['attack.impact', 'attack.t1499.001'],
    { product: 'soc', service: 'host' },
    { en: 'Less than 5 % of a disk is free.', vi: 'Ổ đĩa còn trống dưới 5 %.' },
    { en: ['Free some space.'], vi: ['Dọn bớt dữ liệu, kiểm tra nhật ký quá lớn.'] },
    () => ({
      kind: 'host.heartbeat',
      group: { 'host.disk.path': '/' },
      fields: { 'host.disk.path': '/', 'host.disk.used.pct': 0.97 },
      raw: null,
      predicates: [['selection', 'host.disk.used.pct', 'gte', '0.95', '0.97']],
    }),
  ),
  rule(
    'low',
    'Clock of the machine is wrong',
    'Đồng hồ của máy bị sai',
    ['attack.defense-evasion', 'attack.t1070.006'],
    { product: 'soc', service: 'host' },
    { en: 'The clock differs by more than five minutes.', vi: 'Đồng hồ lệch hơn năm phút.' },
    {
      en: ['Turn on time synchronisation.'],
      vi: ['Bật đồng bộ thời gian.', 'Thay pin đồng hồ trên bo mạch.'],
    },
    () => ({
      kind: 'host.heartbeat',
      group: {},
      fields: { 'host.clock.offset_us': -94608000000000 },
      raw: null,
      predicates: [['selection', 'host.clock.offset_us', 'lt', '-300000000', '-94608000000000']],
    }),
  ),
  rule(
    'informational',
    'New machine enrolled',
    'Máy mới ghi danh',
    [],
    { product: 'soc', service: 'agent' },
    { en: 'A machine was enrolled.', vi: 'Có máy mới ghi danh.' },
    { en: [], vi: [] },
    () => ({
      kind: 'agent.started',
      group: {},
      fields: { 'agent.version': '0.1.0' },
      raw: null,
      predicates: [['selection', 'agent.version', 'exists', 'true', '0.1.0']],
    }),
  ),
];

export const PROBLEMS = [
  {
    path: 'rules/tinh/dang-nhap-la.yml',
    line: 14,
    column: 5,
    rule: 'Đăng nhập lạ',
    what: "unknown modifier 'contain'",
    hint: "did you mean 'contains'?",
    severity: 'error',
  },
  {
    path: 'rules/tinh/cong-la.yml',
    line: 3,
    column: 1,
    rule: null,
    what: 'condition names selection `loc` that is not defined',
    hint: 'defined are: selection, filter',
    severity: 'error',
  },
  {
    path: 'rules/tinh/cu.yml',
    line: 7,
    column: 9,
    rule: 'Cũ',
    what: 'status deprecated: the rule still runs',
    hint: null,
    severity: 'warning',
  },
];
