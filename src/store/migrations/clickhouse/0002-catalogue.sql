-- The catalogue as PostgreSQL has it: of an entity the highest version counts. Attributes are flat: plain values and lists of them.
create table if not exists entities
(
    kind LowCardinality(String),
    id String,
    attributes JSON(max_dynamic_paths = 256),
    deleted Bool,
    version UInt64
)
engine = ReplacingMergeTree(version)
order by (kind, id)
settings fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;
