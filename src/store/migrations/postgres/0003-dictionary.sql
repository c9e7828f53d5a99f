-- What was seen: events, their properties (dotted paths, `[]` for the items of a list) and traits, with how often each type occurred.
-- Counts are of what was processed; after a failure a few may be counted twice or not at all.
create table observed_events (
  event text primary key,
  count bigint not null,
  -- Properties beyond the limit per event: seen, not recorded.
  properties_left_out bigint not null default 0,
  first_seen timestamptz not null,
  last_seen timestamptz not null
);

create table observed_properties (
  event text not null,
  path text not null,
  texts bigint not null,
  dates bigint not null,
  numbers bigint not null,
  booleans bigint not null,
  lists bigint not null,
  objects bigint not null,
  nulls bigint not null,
  -- A few short values, never personal ones.
  examples text[] not null,
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  primary key (event, path)
);

create table observed_traits (
  key text primary key,
  texts bigint not null,
  dates bigint not null,
  numbers bigint not null,
  booleans bigint not null,
  lists bigint not null,
  objects bigint not null,
  nulls bigint not null,
  examples text[] not null,
  first_seen timestamptz not null,
  last_seen timestamptz not null
);

-- Events and traits beyond the limits.
create table observed_left_out (
  kind text primary key check (kind in ('event', 'trait')),
  count bigint not null
);

-- What people say of them: names, marks, names of values.
create table dictionary_entries (
  kind text not null check (kind in ('event', 'property', 'trait')),
  -- Of a property: its event, or empty for the property in every event.
  event text not null default '',
  -- The event's name, the property's path, the trait's key.
  name text not null,
  document jsonb not null,
  version integer not null,
  updated_at timestamptz not null,
  updated_by text not null,
  primary key (kind, event, name)
);
