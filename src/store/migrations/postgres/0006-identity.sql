-- One row: whoever changes identity holds it, so two workers give what one would. Leaves are numbered without gaps;
-- `seq` is the order in which identity took its facts, over all partitions.
create table identity_head (
  one boolean primary key default true check (one),
  next_leaf bigint not null default 1,
  seq bigint not null default 0,
  namespaces_version bigint not null default 0,
  has_blocks boolean not null default false
);
insert into identity_head default values;

-- How far each partition has been taken: what comes again is answered, not learned from.
create table identity_progress (
  partition integer primary key,
  position bigint not null
);

-- Configured namespaces; without a row a default applies (identity/namespaces.ts).
create table identity_namespaces (
  key text primary key,
  document jsonb not null,
  updated_at timestamptz not null,
  updated_by text not null
);

-- Facts belong to leaves, leaves to the profile of their root.
create table leaves (
  leaf bigint primary key,
  root bigint not null,
  position bigint not null
);
create index leaves_merged on leaves (root) where root <> leaf;
create index leaves_of_merged on leaves (leaf) include (root) where root <> leaf;

-- Keyed by the first half of the blind index; the clear value is sealed.
create table identifiers (
  hash bigint primary key,
  -- The other half, to notice a collision.
  rest bigint not null,
  namespace text not null,
  -- 0: kept without a leaf, it is nobody's.
  leaf bigint not null,
  -- How often it was taken off a person.
  generation smallint not null default 0,
  -- The identifier that it is known to have come with first: that edge need not be recorded again. 0: none.
  anchor bigint not null default 0,
  -- It has a row in special_identifiers.
  special boolean not null default false,
  ts timestamptz not null,
  position bigint not null,
  sealed bytea not null
);
create index identifiers_leaf on identifiers (leaf) where leaf > 0;

-- What few identifiers have (see Special in identity/graph.ts).
create table special_identifiers (
  hash bigint primary key,
  own bigint not null,
  sharers bigint[] not null,
  shared_since bigint not null,
  blocked text not null check (blocked in ('no', 'learned', 'hand')),
  blocked_seq bigint not null,
  cleared boolean not null,
  disputed bigint[] not null
);
create index special_identifiers_own on special_identifiers (own) where own > 0;

-- Evidence: the first time that two identifiers came together, per strongest identifier of the event (the anchor).
-- What did not link (it was shared, or beyond a limit) is kept too, in both directions.
create table identity_edges (
  anchor bigint not null,
  other bigint not null,
  generation smallint not null,
  linked boolean not null,
  -- The anchor of the event was `other`.
  reversed boolean not null default false,
  seq bigint not null,
  position bigint not null,
  ts timestamptz not null,
  source text not null,
  rule text not null,
  -- Cut by hand: it links no more.
  cut boolean not null default false,
  primary key (anchor, other, generation, linked)
);

-- Identifiers that were taken off their person by an event or by hand; part of the order in which identity is derived anew.
create table identity_unbinds (
  seq bigint not null,
  hash bigint not null,
  leaf bigint not null,
  position bigint not null,
  ts timestamptz not null,
  source text not null,
  primary key (hash, seq)
);

-- Events whose identifiers contradict each other, one row per set of identifiers.
create table identity_conflicts (
  hashes bigint[] primary key,
  reason text not null,
  target bigint not null,
  subject bigint not null,
  seq bigint not null,
  position bigint not null,
  ts timestamptz not null,
  source text not null,
  count bigint not null default 1
);

create index identity_conflicts_hashes on identity_conflicts using gin (hashes);

-- What happened to profiles: merges by events and by hand, unmerges, re-derivations.
create table identity_changes (
  id bigint generated always as identity primary key,
  kind text not null,
  seq bigint not null,
  survivor bigint not null,
  merged bigint not null,
  leaves bigint[] not null,
  -- The identifiers at which the two sides met.
  survivor_hash bigint,
  merged_hash bigint,
  position bigint,
  ts timestamptz not null,
  -- The source of the event, or who did it by hand.
  by text not null
);
create index identity_changes_survivor on identity_changes (survivor);
create index identity_changes_merged on identity_changes (merged);

-- Identifiers that must not get into one profile, both ways.
create table identity_blocks (
  a bigint not null,
  b bigint not null,
  by text not null,
  at timestamptz not null,
  primary key (a, b)
);

-- What a person should look at.
create table identity_review (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('conflict', 'hub', 'blocked-value')),
  subject bigint not null,
  -- The identifier it stands against; 0 where there is none.
  opponent bigint not null default 0,
  reason text not null,
  state text not null default 'open' check (state in ('open', 'accepted', 'rejected', 'superseded')),
  count bigint not null default 1,
  first_position bigint not null,
  last_position bigint not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  source text not null,
  decided_by text,
  decided_at timestamptz,
  note text,
  unique (kind, subject, opponent)
);
create index identity_review_open on identity_review (id) where state = 'open';

-- Facts that must go to another leaf because an unmerge split theirs: those whose first identifier is one of the hashes.
-- Written with the unmerge, carried out by the pipeline in the order of the ids.
create table identity_reattributions (
  id bigint generated always as identity primary key,
  from_leaf bigint not null,
  to_leaf bigint not null,
  hashes bigint[] not null,
  -- Only facts from this position on.
  since_position bigint not null default 0,
  -- Only facts before this one.
  until_position bigint,
  -- A fact that carries one of these goes to the leaf of the first of them instead.
  instead_hashes bigint[] not null default '{}',
  instead_leaves bigint[] not null default '{}',
  done_at timestamptz
);
create index identity_reattributions_open on identity_reattributions (id) where done_at is null;
