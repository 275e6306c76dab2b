//! What a peer reads: responses by RFC 9112, from bytes alone. It is written without the crate `http`, so that a fault of
//! that is not repeated here.

/// A response, as far as it has arrived.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Response {
    /// The statuses of the interim responses before it.
    pub(crate) interim: Vec<u16>,
    pub(crate) status: u16,
    /// Whether it says that the connection ends with it.
    pub(crate) says_close: bool,
    /// Whether its content ends with the connection.
    pub(crate) is_until_close: bool,
    pub(crate) content: Vec<u8>,
    pub(crate) trailers: Vec<String>,
    pub(crate) is_complete: bool,
}

/// Reads every response. `is_to_head` says whether the request with this number was HEAD.
///
/// # Errors
///
/// A description of bytes that are no response.
pub(crate) fn read(bytes: &[u8], is_to_head: impl Fn(usize) -> bool) -> Result<Vec<Response>, String> {
    let (mut rest, mut responses) = (bytes, Vec::new());
    while !rest.is_empty() {
        let mut response = Response::default();
        rest = read_one(rest, is_to_head(responses.len()), &mut response)?;
        if !response.is_complete && !rest.is_empty() {
            return Err(format!("{} bytes are behind a response that is not complete", rest.len()));
        }
        responses.push(response);
    }
    Ok(responses)
}

/// Reads one response, and returns the bytes behind it.
fn read_one<'a>(bytes: &'a [u8], is_to_head: bool, response: &mut Response) -> Result<&'a [u8], String> {
    let Some((head, rest)) = section(bytes) else { return Ok(&[]) };
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let Some(status) = status else { return Err(format!("{status_line:?} is no status line")) };
    if status < 200 {
        if lines.any(|line| line.starts_with("content-length:") || line.starts_with("transfer-encoding:")) {
            return Err(format!("{status} has a length"));
        }
        response.interim.push(status);
        return read_one(rest, is_to_head, response);
    }
    response.status = status;
    let (mut length, mut is_chunked) = (None, false);
    for line in lines {
        match line.split_once(": ") {
            Some(("content-length", value)) if length.is_none() => length = value.parse::<usize>().ok(),
            Some(("transfer-encoding", "chunked")) if !is_chunked => is_chunked = true,
            Some(("content-length" | "transfer-encoding", _)) => {
                return Err(format!("{head:?} has two lengths"));
            }
            Some(("connection", value)) => response.says_close |= value == "close",
            Some(_) => {}
            None => return Err(format!("{line:?} is no field")),
        }
    }
    if is_to_head || matches!(status, 204 | 304) {
        response.is_complete = true;
        return Ok(rest);
    }
    match (length, is_chunked) {
        (Some(_), true) => Err(format!("{head:?} has a length and chunks")),
        (Some(length), false) => {
            response.is_complete = rest.len() >= length;
            let (content, rest) = rest.split_at(length.min(rest.len()));
            response.content = content.to_vec();
            Ok(rest)
        }
        (None, true) => read_chunks(rest, response),
        (None, false) => {
            (response.is_until_close, response.is_complete) = (true, true);
            response.content = rest.to_vec();
            Ok(&[])
        }
    }
}

/// Reads chunks and trailers.
fn read_chunks<'a>(mut bytes: &'a [u8], response: &mut Response) -> Result<&'a [u8], String> {
    loop {
        let Some(end) = find(bytes, b"\r\n") else { return Ok(&[]) };
        let size =
            std::str::from_utf8(&bytes[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size) = size else {
            return Err(format!("{:?} is no size", bytes[..end].escape_ascii().to_string()));
        };
        if size == 0 {
            let trailers = &bytes[end..];
            if let Some(rest) = trailers.strip_prefix(b"\r\n\r\n") {
                response.is_complete = true;
                return Ok(rest);
            }
            let Some((lines, rest)) = section(&trailers[2..]) else { return Ok(&[]) };
            response.trailers = lines.split("\r\n").map(str::to_owned).collect();
            response.is_complete = true;
            return Ok(rest);
        }
        let content = &bytes[end + 2..];
        response.content.extend_from_slice(&content[..size.min(content.len())]);
        match content.get(size..) {
            None => return Ok(&[]),
            Some(rest) if rest.len() < 2 => return Ok(&[]),
            Some(rest) => bytes = rest.strip_prefix(b"\r\n").ok_or("a chunk has no end")?,
        }
    }
}

/// Splits bytes at an empty line.
fn section(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = find(bytes, b"\r\n\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 4..]))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
