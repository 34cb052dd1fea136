//! Apache Kafka, on `rdkafka`: a producer and a consumer that trace the clients you have, and a
//! source and a sink for workers.

mod cluster;
