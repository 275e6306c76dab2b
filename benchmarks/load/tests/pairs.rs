//! Every client against its raw server, as two processes: each operation that was asked for is done and reported. Times
//! are not tested.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails the test that called it")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// A server that ends with the test, even if the test fails.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(options: &str) -> Self {
        let mut process = command(&format!("raw {options}")).spawn().unwrap();
        let hello = first_line(&mut process);
        let digits: String =
            hello.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        Self { process, address: format!("127.0.0.1:{digits}") }
    }

    /// Returns the output of the client, and whether it succeeded.
    fn visit(&self, options: &str) -> (String, bool) {
        let done = command(&format!("{options} --connect {}", self.address)).output().unwrap();
        (String::from_utf8(done.stdout).unwrap(), done.status.success())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its stdin. If it can't be waited for, the test has failed already.
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vitok-load"));
    command.args(line.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn first_line(process: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

fn assert_done(server: &str, client: &str, operations: u64) {
    let (said, is_content) = Server::start(server).visit(&format!("{client} --operations {operations}"));
    assert!(is_content, "{said}");
    assert!(said.contains(&format!("\"operations\": {operations},")), "{said}");
    assert!(said.contains("\"errors\": 0"), "{said}");
}

#[test]
fn small_messages_come_back() {
    assert_done("--mode echo", "echo --connections 7 --size 100", 500);
    assert_done("--mode echo", "echo --connections 7 --size 100 --spin", 500);
}

#[test]
fn messages_larger_than_any_buffer_come_back() {
    assert_done("--mode echo", "echo --connections 3 --size 9000000", 6);
}

#[test]
fn fewer_operations_than_connections_are_enough() {
    assert_done("--mode echo", "echo --connections 20", 3);
}

#[test]
fn an_open_loop_sends_all_that_becomes_due() {
    assert_done("--mode echo", "echo --connections 3 --rate 20000", 400);
}

#[test]
fn answers_may_be_longer_than_questions() {
    assert_done("--mode answer --answer 5000", "echo --size 1 --answer 5000 --connections 3", 200);
    assert_done("--mode answer --answer 9000000", "echo --size 1 --answer 9000000 --connections 2", 4);
}

#[test]
fn bulk_goes_either_way() {
    assert_done("--mode source", "pull --connections 2", 40);
    assert_done("--mode sink", "push --connections 2", 40);
}

#[test]
fn connections_are_made_and_ended() {
    assert_done("--mode close", "connect --concurrency 8", 300);
}

#[test]
fn datagrams_come_back() {
    assert_done("--mode udp", "udp --sockets 90 --size 1000", 900);
}

#[test]
fn a_client_on_stdin_runs_as_often_as_it_is_asked() {
    let server = Server::start("--mode echo");
    let mut client =
        command(&format!("echo --stdin --connections 4 --connect {}", server.address)).spawn().unwrap();
    client.stdin.take().unwrap().write_all(b"operations 10\nseconds 0.01\noperations 3\n").unwrap();
    let said = String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "{\"connections\": 4}");
    assert!(lines[1].contains("\"operations\": 10,"), "{said}");
    assert!(lines[3].contains("\"operations\": 3,"), "{said}");
    assert_eq!(lines.len(), 4);
}

#[test]
fn idle_connections_are_greeted_and_held() {
    let server = Server::start("--mode echo");
    let line = format!("idle --connections 30 --greet 100 --connect {}", server.address);
    let mut client = command(&line).spawn().unwrap();
    assert_eq!(first_line(&mut client), "{\"connections\": 30}\n");
    drop(client.stdin.take());
    assert!(client.wait().unwrap().success());
}

#[test]
fn a_server_that_closes_is_the_peers_fault() {
    let (said, is_content) = Server::start("--mode close").visit("echo --operations 3");
    assert!(!is_content);
    assert!(said.contains("\"status\": \"wrong\""), "{said}");
}

#[test]
fn a_wrong_answer_is_not_counted() {
    let (said, is_content) = Server::start("--mode answer --answer 8").visit("echo --size 1 --operations 3");
    assert!(!is_content);
    assert!(said.contains("more than it was asked for"), "{said}");
}

#[test]
fn requests_are_answered_one_at_a_time_and_pipelined() {
    assert_done("--mode http --answer 13", "http --connections 5", 400);
    assert_done("--mode http --answer 13", "http --connections 5 --pipeline 16 --spin", 4000);
    assert_done("--mode http --answer 9000000", "http --connections 2 --pipeline 3", 12);
    assert_done("--mode http --answer 0", "http --connections 3 --pipeline 2 --rate 20000", 400);
}

#[test]
fn requests_have_bodies_and_answers_have_parts() {
    assert_done("--mode http --answer 5 --body 10240", "http --connections 5 --body 10240", 200);
    assert_done("--mode http --answer 5 --body 9000000", "http --connections 2 --body 9000000", 6);
    assert_done("--mode http --answer 1024 --parts 8", "http --connections 5 --pipeline 4", 400);
}

#[test]
fn streams_of_http2_are_answered() {
    assert_done("--mode http2 --answer 13", "http2 --connections 5", 400);
    assert_done("--mode http2 --answer 13", "http2 --connections 5 --streams 16 --spin", 4000);
    assert_done("--mode http2 --answer 9000000", "http2 --connections 2 --streams 3", 12);
    assert_done("--mode http2 --answer 0", "http2 --connections 3 --streams 2 --rate 20000", 400);
    assert_done("--mode http2 --answer 1024 --parts 8", "http2 --connections 5 --streams 4", 400);
}

#[test]
fn content_of_http2_is_sent_within_the_windows() {
    // The settings arrive after the first content could have been sent, and open the windows.
    assert_done("--mode http2 --answer 5", "http2 --connections 3 --streams 16 --body 10240", 2000);
    assert_done("--mode http2 --answer 5", "http2 --connections 2 --body 9000000", 6);
}

#[test]
fn idle_connections_of_http2_are_asked_once_and_counted() {
    let server = Server::start("--mode http2 --answer 13");
    let line = format!("idle --http2 --connections 30 --path /x --connect {}", server.address);
    let mut client = command(&line).spawn().unwrap();
    client.stdin.take().unwrap().write_all(b"open\n").unwrap();
    let said = String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(said, "{\"connections\": 30}\n{\"open\": 30}\n");
}

#[test]
fn a_server_that_speaks_no_http2_is_the_peers_fault() {
    let (said, is_content) = Server::start("--mode echo").visit("http2 --operations 3");
    assert!(!is_content);
    assert!(said.contains("not HTTP/2"), "{said}");
}

#[test]
fn a_connection_for_each_request_is_closed_behind_its_answer() {
    assert_done("--mode http --answer 13 --close", "visit --concurrency 8", 300);
    assert_done("--mode http --answer 900000 --close", "visit --concurrency 3 --spin", 12);
    let (said, is_content) = Server::start("--mode close").visit("visit --operations 3");
    assert!(!is_content);
    assert!(said.contains("before its response had ended") || said.contains("reset"), "{said}");
}

#[test]
fn idle_connections_are_asked_once_and_counted_when_they_are_still_open() {
    let server = Server::start("--mode http --answer 13");
    let line = format!("idle --connections 30 --path /x --connect {}", server.address);
    let mut client = command(&line).spawn().unwrap();
    client.stdin.take().unwrap().write_all(b"open\n").unwrap();
    let said = String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(said, "{\"connections\": 30}\n{\"open\": 30}\n");
}

#[test]
fn idle_connections_that_the_server_ends_are_its_fault() {
    let (said, is_content) =
        Server::start("--mode http --answer 13 --close").visit("idle --connections 3 --path /");
    assert!(!is_content);
    assert!(said.contains("does not keep connections open"), "{said}");
}

#[test]
fn a_server_that_speaks_no_http_is_the_peers_fault() {
    let (said, is_content) = Server::start("--mode echo").visit("http --operations 3");
    assert!(!is_content);
    assert!(said.contains("not HTTP/1.1"), "{said}");
}

#[test]
fn messages_of_websockets_come_back() {
    let client = "websocket --connections 5";
    assert_done("--mode websocket", &format!("{client} --size 64"), 500);
    assert_done("--mode websocket", &format!("{client} --size 300 --binary --spin"), 500);
    assert_done("--mode websocket", &format!("{client} --size 100000"), 100);
    assert_done("--mode websocket", &format!("{client} --size 900000"), 12);
    assert_done("--mode websocket", &format!("{client} --size 1024 --deflate"), 500);
    assert_done("--mode websocket", &format!("{client} --size 64 --rate 20000"), 400);
}

#[test]
fn broadcasts_reach_every_websocket() {
    assert_done("--mode websocket --broadcast", "websocket --broadcast --connections 30 --size 256", 100);
    assert_done("--mode websocket --broadcast", "websocket --broadcast --connections 1 --deflate", 100);
    let (said, is_content) =
        Server::start("--mode websocket").visit("websocket --broadcast --connections 2 --operations 1");
    assert!(!is_content);
    assert!(said.contains("has not answered"), "{said}");
}

#[test]
fn idle_websockets_are_opened_greeted_and_held() {
    for options in ["", "--greet 300", "--greet 300 --deflate"] {
        let server = Server::start("--mode websocket");
        let line = format!("idle --websocket --connections 30 {options} --connect {}", server.address);
        let mut client = command(&line).spawn().unwrap();
        client.stdin.take().unwrap().write_all(b"open\n").unwrap();
        let said = String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(said, "{\"connections\": 30}\n{\"open\": 30}\n", "{options}");
    }
}

#[test]
fn a_server_that_speaks_no_websocket_is_the_peers_fault() {
    let (said, is_content) = Server::start("--mode http --answer 13").visit("websocket --operations 3");
    assert!(!is_content);
    assert!(said.contains("answered by") && said.contains("200 OK"), "{said}");
}
