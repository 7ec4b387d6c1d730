use super::message;

fn check(line: &str, expected: &str) {
    assert_eq!(message(line), expected, "{line}");
}

#[test]
fn headers_of_many_kinds_are_told_from_messages() {
    check(
        "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: check pass; user unknown",
        " check pass; user unknown".trim_start(),
    );
    check("Jun  4 15:16:01 combo syslogd 1.4.1: restart.", "restart.");
    check(
        "2026-11-22T10:16:42.123456+00:00 web sshd[7]: Invalid user a from 192.0.2.1",
        "Invalid user a from 192.0.2.1",
    );
    check("[Sun Dec 04 04:47:44 2005] [notice] child init 1 -2", "child init 1 -2");
    check(
        "[Sun Dec 04 04:47:44 2005] [error] [client 192.0.2.1] not found",
        "[client 192.0.2.1] not found",
    );
    check("081109 203615 148 INFO dfs.DataNode$PacketResponder: block 1 ends", "block 1 ends");
    check("2015-10-18 18:01:47,978 INFO [main] org.example.Master: made it", "made it");
    check(
        "2015-10-18 18:01:47,978 - INFO  [Quorum[id=1]/0:0:2181:Fast@774] - time out: 3200",
        "time out: 3200",
    );
    check("03-17 16:13:38.811  1702  2395 D WindowManager: visible is 1", "visible is 1");
    check("[10.30 16:49:06] chrome.exe *64 - www.example.com:80 open", "www.example.com:80 open");
    check("20261122-22:15:29:606|Step_LSC|30002312|onStand 3579", "onStand 3579");
    check(
        "api.log.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO a.b.server [req-1 - -] [x: 1] started",
        "[x: 1] started",
    );
}

#[test]
fn a_message_alone_stays_whole() {
    for line in [
        "",
        " ",
        "session opened for user root by (uid=0)",
        "10.0.0.1:50010 Served block blk_1 to /10.0.0.2",
        "1234",
        "- - -",
        "Jun",
        "12:00:00",
        "[",
        "[[[[",
        "I am here",
        "E",
        "5 errors: none",
        "192.0.21.122,192.11.10.1 \"GET /a HTTP/1.1\" status: 200",
        "00:11:22:33:44:55 ERROR joined: now",
        "[client 198.39.13.17] Directory index forbidden",
        "192.0.2.1:50010 Served block: blk_1",
    ] {
        check(line, line);
    }
}
