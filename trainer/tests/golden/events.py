"""Writes events.tfevents with TensorBoard's own record writer and protobufs.

Run with tensorboard 2.21.0.
"""

from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

points = [
    Summary.Value(tag="train/loss", simple_value=0.75),
    Summary.Value(tag="train/images_per_s", simple_value=0.0),
    Summary.Value(
        tag="evaluation/a/overlay",
        image=Summary.Image(height=2, width=300, colorspace=3, encoded_image_string=b"JPEG"),
    ),
]
events = [
    Event(wall_time=1.5e9, file_version="brain.Event:2"),
    Event(wall_time=1.5e9, step=3, session_log=SessionLog(status=SessionLog.START)),
    Event(wall_time=1_500_000_000.25, step=300, summary=Summary(value=points)),
]
with open(Path(__file__).with_name("events.tfevents"), "wb") as file:
    writer = RecordWriter(file)
    for event in events:
        writer.write(event.SerializeToString())
    writer.flush()
