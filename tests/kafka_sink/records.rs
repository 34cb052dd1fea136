//! What a message is as a record.

use std::time::{Duration, UNIX_EPOCH};

use rdkafka::Message as _;
use rdkafka::message::{Headers, OwnedHeaders, Timestamp};
use tracehop::contract::{Message, Sink as _, SinkExt as _, Value};
use tracehop::kafka::KafkaSink;
use tracehop_kafka::RawHeaders;

use super::support::{Mock, TOPIC};

#[tokio::test]
async fn sent_tells_partition_and_offset() {
    let mock = Mock::start();
    let sink = KafkaSink::builder(mock.config(), TOPIC);
    let sink = sink
        .partition(|message| message.text()?.parse().ok())
        .build()
        .unwrap();
    let sent = sink.send_all(["2", "0", "2"].map(Message::new)).await;
    let places = sent.into_iter().map(|sent| {
        let sent = sent.unwrap();
        (sent.partition.unwrap(), sent.offset.unwrap())
    });
    assert_eq!(places.collect::<Vec<_>>(), [(2, 0), (0, 0), (2, 1)]);
}

/// The Java client takes the same one, so that both keep the order of a key.
#[tokio::test]
async fn a_key_or_else_the_group_chooses_the_partition_as_in_java() {
    let mock = Mock::start();
    let sink = KafkaSink::new(mock.config(), TOPIC).unwrap();
    let expected = i32::try_from(murmur2(b"customer") % 4).unwrap();
    let keyed = Message::new("1").with_key("customer").with_group("other");
    assert_eq!(sink.send(keyed).await.unwrap().partition, Some(expected));
    let grouped = Message::new("2").with_group("customer");
    assert_eq!(sink.send(grouped).await.unwrap().partition, Some(expected));
    let records = mock.records(2).await;
    assert!(
        records
            .iter()
            .all(|record| record.key() == Some(b"customer"))
    );
}

/// As Kafka's `Utils.murmur2`, made positive as its `toPositive` does (Kafka 4.3).
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut h = 0x9747_b28c ^ u32::try_from(data.len()).unwrap();
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    for (index, byte) in rest.iter().enumerate() {
        h ^= u32::from(*byte) << (8 * index);
    }
    if !rest.is_empty() {
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    (h ^ (h >> 15)) & 0x7fff_ffff
}

#[tokio::test]
async fn a_message_is_what_its_record_says() {
    let mock = Mock::start();
    let sink = KafkaSink::builder(mock.config(), TOPIC).partition(|_| Some(0));
    let sink = sink.build().unwrap();
    let mut message = Message::new("payload")
        .with_key(b"\xff".as_slice())
        .with_header("text", "ü")
        .with_header("number", -5)
        .with_header("flag", true);
    message.headers.append("twice", "1");
    message.headers.append("twice", "2");
    message.headers.append("nothing", Value::Null);
    message.headers.append(b"\xff".as_slice(), "odd");
    message.properties.content_type = Some("text/plain".to_owned());
    message.properties.expiration = Some(Duration::from_secs(2));
    message.properties.timestamp = Some(UNIX_EPOCH + Duration::from_millis(1_500));
    sink.send(message).await.unwrap();
    let tombstone = Message {
        payload: None,
        ..Message::default().with_key("k")
    };
    sink.send(tombstone).await.unwrap();

    let records = mock.records(2).await;
    let [record, tombstone] = records.as_slice() else {
        panic!("two records")
    };
    assert_eq!(record.payload(), Some(b"payload".as_slice()));
    assert_eq!(record.key(), Some(b"\xff".as_slice()));
    assert_eq!(record.timestamp(), Timestamp::CreateTime(1_500));
    let headers = record.headers().map(OwnedHeaders::as_borrowed).unwrap();
    let headers: Vec<_> = RawHeaders::new(headers)
        .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
        .collect();
    let expected: [(&[u8], Option<&[u8]>); 9] = [
        (b"text", Some("ü".as_bytes())),
        (b"number", Some(b"-5")),
        (b"flag", Some(b"true")),
        (b"twice", Some(b"1")),
        (b"twice", Some(b"2")),
        (b"nothing", None),
        (b"\xff", Some(b"odd")),
        (b"content-type", Some(b"text/plain")),
        (b"amqp-expiration", Some(b"2000")),
    ];
    let expected = expected.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
    assert_eq!(headers, expected);
    assert_eq!(tombstone.payload(), None);
    assert_eq!(tombstone.headers().map_or(0, Headers::count), 0);
}

#[tokio::test]
async fn a_partition_has_its_messages_in_the_order_in_which_they_were_enqueued() {
    let mock = Mock::start();
    let sink = KafkaSink::builder(mock.config(), TOPIC).partition(|_| Some(1));
    let sink = sink.build().unwrap();
    let numbers = (0..500).map(|number: usize| Message::new(number.to_string()));
    for sent in sink.send_all(numbers).await {
        sent.unwrap();
    }
    let records = mock.records(500).await;
    let texts = records.iter().map(|record| record.payload().unwrap());
    let numbers = texts.map(|text| std::str::from_utf8(text).unwrap().parse::<usize>().unwrap());
    assert!(numbers.eq(0..500));
}
