"""The X-Ray SDK: headers as it writes them for calls that go out, and reads them for calls that come in."""

from aws_xray_sdk.core.models.segment import Segment
from aws_xray_sdk.ext.util import construct_xray_header, inject_trace_header
from peer import Format, context, main


def write(sampled):
    segment = Segment("order", sampled=sampled)
    headers = {}
    inject_trace_header(headers, segment)
    return context(trace_id(segment.trace_id), segment.id, sampled), headers


def read(headers):
    header = construct_xray_header({"X-Amzn-Trace-Id": headers["x-amzn-trace-id"]})
    decision = {0: False, 1: True}.get(header.sampled)
    return context(trace_id(header.root), header.parent, decision)


def trace_id(root):
    version, *parts = root.split("-")
    assert version == "1", root
    return "".join(parts)


main(Format("aws-xray-sdk", "xray", write, read, (True, False, None)))
