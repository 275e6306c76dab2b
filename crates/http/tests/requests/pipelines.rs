//! Random sequences of valid requests are read as the requests they were made of.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::reading::{LIMITS, read_pieces};
use crate::splits::cut;

#[derive(Clone, Debug)]
struct Request {
    path: String,
    fields: Vec<(String, String)>,
    chunks: Option<Vec<String>>,
    content: String,
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let field = ("x-[a-z]{1,8}", "[a-z0-9]([ a-z0-9]{0,20}[a-z0-9])?");
    let chunks = prop::option::of(prop::collection::vec("[a-z]{1,20}", 0..5));
    let request = ("/[a-z]{0,12}", prop::collection::vec(field, 0..6), chunks, "[a-z]{0,30}").prop_map(
        |(path, fields, chunks, content)| {
            let content = chunks.as_ref().map_or(content, |chunks| chunks.concat());
            Request { path, fields, chunks, content }
        },
    );
    prop::collection::vec(request, 1..5)
}

fn written(request: &Request) -> String {
    let mut text = format!("PUT {} HTTP/1.1\r\nHost: a\r\n", request.path);
    for (name, value) in &request.fields {
        text += &format!("{name}: {value}\r\n");
    }
    let Some(chunks) = &request.chunks else {
        return text + &format!("Content-Length: {}\r\n\r\n{}", request.content.len(), request.content);
    };
    text += "Transfer-Encoding: chunked\r\n\r\n";
    for chunk in chunks {
        text += &format!("{:X};x\r\n{chunk}\r\n", chunk.len());
    }
    text + "0\r\n\r\n"
}

fn read(request: &Request) -> String {
    let mut text = format!("PUT {}", request.path);
    for (name, value) in &request.fields {
        text += &format!(" {name}={value}");
    }
    text + &if request.content.is_empty() { String::new() } else { format!(" [{}]", request.content) }
}

proptest! {
    #[test]
    fn come_out_as_they_went_in(requests in requests(), places in prop::collection::vec(any::<Index>(), 0..8)) {
        let input: String = requests.iter().map(written).collect();
        let reads: Vec<String> = requests.iter().map(read).collect();
        let pieces = cut(input.as_bytes(), &places);
        prop_assert_eq!(read_pieces(&pieces, LIMITS), reads.join("; "));
    }
}
