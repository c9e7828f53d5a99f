-- Of each definition's bitmaps in ClickHouse: the generation that counts and the last tick in it, and what ticks changed since.
-- Definition 0 is everybody of whom something is known.
create table membership_bases (
  definition integer primary key,
  generation bigint not null default 0,
  tick bigint not null default 0,
  -- Who has which value: all pairs, those that the generation holds, and how many changes it lacks.
  members bigint not null default 0,
  base_members bigint not null default 0,
  changes bigint not null default 0,
  published_at timestamptz,
  -- Whether older generations, and the changes that this one holds, are gone.
  is_clean boolean not null default true
);
create sequence membership_generations;

-- How large an audience was at the end of each hour in which somebody entered or left.
create table audience_sizes (
  definition integer not null references definitions (id) on delete cascade,
  hour timestamptz not null,
  members bigint not null,
  entered bigint not null,
  "left" bigint not null,
  primary key (definition, hour)
);
