-- Who processes a partition of the log, under which fence, and what it reads next.
create table partitions (
  partition integer primary key,
  owner text not null,
  fence bigint not null,
  expires_at timestamptz not null,
  next_offset bigint not null default 0
);

-- A batch of consecutive positions: decided (prepared) with its outcome, then stored in ClickHouse (done).
create table ranges (
  range bigint primary key,
  until bigint not null,
  state text not null check (state in ('prepared', 'done')),
  -- The leaf of each position as UInt32 little-endian, 0 where nothing is stored (a repeat or a reject); kept until done.
  outcome bytea,
  prepared_at timestamptz not null,
  done_at timestamptz
);
create index ranges_prepared on ranges (range) where state = 'prepared';

-- What became of what a source sent, by hour of arrival.
create table source_stats (
  source text not null,
  hour timestamptz not null,
  accepted bigint not null default 0,
  rejected bigint not null default 0,
  deduplicated bigint not null default 0,
  last_at timestamptz not null,
  primary key (source, hour)
);
