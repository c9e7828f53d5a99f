-- Who has which value of a tag or is in an audience (`true`), as ticks change it: of one profile and value, the row of the highest tick counts.
-- Values are JSON text. Everything here is derived from PostgreSQL's ticks and can be written again.
create table if not exists memberships
(
    definition UInt32,
    value String,
    profile UInt32,
    member Bool,
    tick UInt64
)
engine = ReplacingMergeTree(tick)
order by (definition, value, profile)
settings fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- The history of what is not worked out live (tags with a schedule, frozen audiences): what rules about it read at a moment. An empty value: none.
create table if not exists assignments
(
    definition UInt32,
    leaf UInt32,
    value String,
    score Float64,
    ts DateTime64(3, 'UTC'),
    tick UInt64
)
engine = ReplacingMergeTree(tick)
order by (leaf, definition, ts)
settings fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;
