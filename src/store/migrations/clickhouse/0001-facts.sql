-- Facts are written once and never rewritten; which person a leaf belongs to is a mapping (roots).
-- Partitioned by the year of arrival, so a batch is one part and the facts of a leaf lie in few places; ordered by leaf, so a cluster shards by leaf.
-- Small granules: who looks at the facts of ten thousand people reads little more than those.
create table if not exists events
(
    leaf UInt32,
    ts DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    position UInt64,
    range UInt64,
    event LowCardinality(String),
    message_id String,
    source LowCardinality(String),
    channel LowCardinality(String),
    historical Bool,
    props JSON(max_dynamic_paths = 256),
    context JSON(max_dynamic_paths = 256),
    identifiers Array(UInt64),
    index by_position position type minmax granularity 1,
    index by_received received_at type minmax granularity 1
)
engine = MergeTree
partition by toYear(received_at)
order by (leaf, ts, position)
settings index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- The log of trait changes: the value at a moment folds the rows of all leaves by (ts, position). Personal values are keyed hashes.
create table if not exists traits
(
    leaf UInt32,
    key LowCardinality(String),
    op Enum8('set' = 1, 'unset' = 2),
    value Dynamic,
    -- The value is the JSON text of an object, or of a list that holds more than plain values.
    json Bool,
    ts DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    position UInt64,
    range UInt64,
    source LowCardinality(String),
    identifiers Array(UInt64),
    historical Bool,
    index by_position position type minmax granularity 1
)
engine = MergeTree
partition by toYear(received_at)
order by (leaf, key, ts, position)
settings index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

create table if not exists consents
(
    leaf UInt32,
    purpose LowCardinality(String),
    given Bool,
    ts DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    position UInt64,
    range UInt64,
    source LowCardinality(String),
    index by_position position type minmax granularity 1
)
engine = MergeTree
partition by toYear(received_at)
order by (leaf, purpose, ts, position)
settings fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- Leaves whose person is another leaf; a leaf without a row is its own root. The highest version of a leaf counts.
create table if not exists roots
(
    leaf UInt32,
    root UInt32,
    version UInt64
)
engine = ReplacingMergeTree(version)
order by leaf
settings fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;
