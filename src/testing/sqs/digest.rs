//! The digests that SQS returns, so that a client can see that nothing changed on the way.
//!
//! Body and attributes: MD5, by the steps under "Calculating the MD5 message digest for message
//! attributes" in the SQS developer guide. Content-based deduplication: SHA-256 of the body.

use md5::{Digest, Md5};
use sha2::Sha256;

use super::message::{Attribute, Value, hex};

pub(super) fn md5_of_body(body: &str) -> String {
    hex(&Md5::digest(body.as_bytes()))
}

/// The digest of the attributes, which must come in the order of their names; none has none.
pub(super) fn md5_of_attributes<'a>(
    sorted: impl IntoIterator<Item = (&'a str, &'a Attribute)>,
) -> Option<String> {
    let mut any = false;
    let mut digest = Md5::new();
    for (name, attribute) in sorted {
        any = true;
        put(&mut digest, name.as_bytes());
        put(&mut digest, attribute.data_type.as_bytes());
        digest.update(match attribute.value {
            Value::Text(_) => [1],
            Value::Binary(_) => [2],
        });
        put(&mut digest, attribute.value.as_bytes());
    }
    any.then(|| hex(&digest.finalize()))
}

/// The deduplication id that a FIFO queue takes from the body, and from nothing else.
pub(super) fn content_id(body: &str) -> String {
    hex(&Sha256::digest(body.as_bytes()))
}

/// A part goes in after its length in bytes, as four bytes, big end first.
fn put(digest: &mut Md5, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    digest.update(length.to_be_bytes());
    digest.update(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &'static str, data_type: &str, value: &str) -> (&'static str, Attribute) {
        let value = Value::Text(value.to_owned());
        (name, attribute(data_type, value))
    }

    fn attribute(data_type: &str, value: Value) -> Attribute {
        Attribute {
            data_type: data_type.to_owned(),
            value,
        }
    }

    fn digest(attributes: &[(&'static str, Attribute)]) -> String {
        let pairs = attributes.iter().map(|(name, value)| (*name, value));
        md5_of_attributes(pairs).expect("there are attributes")
    }

    // The digests below were returned by AWS itself for these attributes.

    #[test]
    fn text_attributes_have_the_digest_that_aws_gives_them() {
        assert_eq!(
            digest(&[
                text("General", "String", "Kenobi"),
                text("Hello", "String", "There"),
                text("Help.Me", "String", "Me"),
            ]),
            "4c360f3fdafd970e05fae2f149d997f5"
        );
        assert_eq!(
            digest(&[text("timestamp", "Number", "1493147359900")]),
            "235c5c510d26fb653d073faed50ae77c"
        );
    }

    #[test]
    fn a_binary_attribute_has_the_digest_that_aws_gives_it() {
        let bytes = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
        let binary = attribute("Binary", Value::Binary(bytes.to_vec()));
        assert_eq!(
            digest(&[("attr1", binary)]),
            "8cbe4db156db8a94db8b801b7addb984"
        );
    }

    #[test]
    fn no_attributes_have_no_digest() {
        assert_eq!(md5_of_attributes([]), None);
    }

    #[test]
    fn a_body_has_the_digests_of_the_published_algorithms() {
        // RFC 1321, A.5, and FIPS 180-4's example for "abc".
        assert_eq!(md5_of_body("abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            content_id("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
