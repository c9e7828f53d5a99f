-- Who has which value of a tag or is in an audience, as one bitmap per value: generations of a base, to which `memberships` has what changed since.
-- Which generation counts is in PostgreSQL (membership_bases). Definition 0 is everybody of whom something is known.
create table if not exists bitmaps
(
    definition UInt32,
    value String,
    generation UInt64,
    members AggregateFunction(groupBitmap, UInt32)
)
engine = MergeTree
order by (definition, value, generation)
settings index_granularity = 8, fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;
