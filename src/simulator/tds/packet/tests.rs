use super::*;

fn packet(kind: u8, status: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + HEADER_LENGTH).unwrap();
    let mut bytes = header(kind, false, length, 1).to_vec();
    bytes[1] = status;
    bytes.extend_from_slice(body);
    bytes
}

async fn read_all(bytes: &[u8]) -> io::Result<Vec<Message>> {
    let mut reader = MessageReader::new(bytes);
    let mut messages = Vec::new();
    while let Some(message) = reader.next().await? {
        messages.push(message);
    }
    Ok(messages)
}

fn message(kind: u8, body: &[u8]) -> Message {
    Message {
        kind,
        body: body.to_vec(),
        reset: Reset::No,
    }
}

#[tokio::test]
async fn messages_are_put_together_whatever_pieces_they_come_in() {
    let bytes = [
        packet(SQL_BATCH, 0, b"abc"),
        packet(SQL_BATCH, 0x09, b"de"),
        packet(RPC, 0x09, b"f"),
    ]
    .concat();
    let (client, server) = tokio::io::duplex(1);
    let mut reader = MessageReader::new(server);
    let send = async move {
        let mut client = client;
        client.write_all(&bytes).await.unwrap();
    };
    let receive = async {
        assert_eq!(
            reader.next().await.unwrap(),
            Some(message(SQL_BATCH, b"abcde"))
        );
        let call = reader.next().await.unwrap().unwrap();
        assert_eq!((call.kind, &call.body[..]), (RPC, &b"f"[..]));
        assert_eq!(call.reset, Reset::All);
        assert_eq!(reader.next().await.unwrap(), None);
    };
    tokio::join!(send, receive);
}

#[tokio::test]
async fn what_was_given_up_is_not_a_message() {
    let bytes = [
        packet(SQL_BATCH, 0, b"abc"),
        packet(SQL_BATCH, 3, b""),
        packet(SQL_BATCH, 0, b"abc"),
        packet(ATTENTION, 1, b""),
        packet(SQL_BATCH, 1, b"x"),
    ]
    .concat();
    assert_eq!(
        read_all(&bytes).await.unwrap(),
        [message(ATTENTION, b""), message(SQL_BATCH, b"x")]
    );
}

#[tokio::test]
async fn nonsense_is_refused() {
    for bad in [
        header(SQL_BATCH, true, 7, 1).to_vec(),
        [packet(SQL_BATCH, 0, b"a"), packet(RPC, 1, b"b")].concat(),
        packet(SQL_BATCH, 0, &[0; 60_000]).repeat(1200),
    ] {
        let error = read_all(&bad).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}

#[tokio::test]
async fn replies_are_cut_by_the_packet_size() {
    let mut writer = MessageWriter::new(Vec::new(), REPLY);
    writer.set_packet_size(12);
    writer.body().extend_from_slice(b"abcdefgh");
    writer.cut();
    writer.body().extend_from_slice(b"i");
    writer.end_message();
    writer.flush().await.unwrap();
    let expected = [
        &[4, 0, 0, 12, 0, 0, 1, 0][..],
        b"abcd",
        &[4, 0, 0, 12, 0, 0, 2, 0],
        b"efgh",
        &[4, 1, 0, 9, 0, 0, 3, 0],
        b"i",
    ]
    .concat();
    assert_eq!(writer.into_stream(), expected);
}

#[tokio::test]
async fn a_part_of_a_reply_can_be_sent_ahead() {
    let mut writer = MessageWriter::new(Vec::new(), REPLY);
    writer.body().extend_from_slice(b"abc");
    writer.cut_all();
    writer.flush().await.unwrap();
    assert_eq!(writer.waiting(), 0);
    writer.body().extend_from_slice(b"d");
    writer.end_message();
    writer.body().extend_from_slice(b"e");
    writer.end_message();
    writer.flush().await.unwrap();
    let expected = [
        packet(REPLY, 0, b"abc"),
        [&[4, 1, 0, 9, 0, 0, 2, 0][..], b"d"].concat(),
        packet(REPLY, 1, b"e"),
    ]
    .concat();
    assert_eq!(writer.into_stream(), expected);
}
