-- Where events come from.
create table sources (
  key text primary key,
  name text not null,
  kind text not null,
  enabled boolean not null default true,
  created_at timestamptz not null
);

-- What a source shows to be let in: found by a keyed hash, sealed to be shown again. Several at a time, so that one can be replaced.
create table write_keys (
  hash bytea primary key,
  source text not null references sources (key) on delete cascade,
  sealed bytea not null,
  created_at timestamptz not null,
  expires_at timestamptz
);
create index write_keys_source on write_keys (source);

-- Grows with every change of sources and keys: collectors look at it, and read anew when it has.
create table source_revision (
  one boolean primary key default true check (one),
  revision bigint not null
);
insert into source_revision (revision) values (0);

-- Items that were not taken, with the reason; the item itself is sealed.
create table rejected (
  position bigint primary key,
  source text not null,
  received_at timestamptz not null,
  code text not null,
  path text not null,
  message text not null,
  item bytea not null,
  replayed_at timestamptz
);
create index rejected_source on rejected (source, position);
