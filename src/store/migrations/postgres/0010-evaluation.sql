-- Tags and audiences, and the dimensions and relations that they read: governed documents. A change is a version; the number stands for the key wherever many rows name it.
create table definitions (
  id integer generated always as identity primary key,
  kind text not null check (kind in ('tag', 'audience', 'dimension', 'relation')),
  key text not null,
  version integer not null,
  -- JSON as text: the order of its keys is the author's.
  document text not null,
  -- What a run worked out for itself, such as the edges of quantiles; JSON.
  run text,
  -- When its last run or fill ended, and when the next run of one with a schedule is due.
  ran_at timestamptz,
  next_run_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  updated_by text not null,
  unique (kind, key)
);

create table definition_versions (
  definition integer not null references definitions (id) on delete cascade,
  version integer not null,
  document text not null,
  at timestamptz not null,
  by text not null,
  primary key (definition, version)
);

-- Grows with every change of definitions, so that every process can see that what it holds is old.
create table definition_revision (
  one boolean primary key default true check (one),
  revision bigint not null
);
insert into definition_revision (revision) values (0);

-- What is known of each profile besides its traits: per definition [value, score, since in ms], and when time alone may change something next.
create table profile_states (
  profile bigint primary key,
  state text not null,
  due_at bigint not null
);
create index profile_states_due on profile_states (due_at) where due_at < 9007199254740991;

-- What waits to be evaluated, each written in the transaction that causes it:
-- the leaves that a range of positions touched and by which names (JSON, see evaluation/changes.ts),
create table evaluation_ranges (
  range bigint primary key,
  changes text not null
);
-- leaves whose facts or profile became others,
create table evaluation_leaves (
  id bigint generated always as identity primary key,
  leaf bigint not null,
  -- The profile that it left.
  old_root bigint
);
-- and facts that lie in the future (ms).
create table evaluation_moments (
  leaf bigint not null,
  at bigint not null,
  primary key (at, leaf)
);

create or replace function note_root_changes() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into root_changes (leaf, root) select leaf, root from after_rows where root <> leaf;
  else
    insert into root_changes (leaf, root)
      select n.leaf, n.root from after_rows n join before_rows o on o.leaf = n.leaf where o.root <> n.root;
    insert into evaluation_leaves (leaf, old_root)
      select n.leaf, o.root from after_rows n join before_rows o on o.leaf = n.leaf where o.root <> n.root;
  end if;
  return null;
end
$$;

-- One evaluator at a time: whoever holds the row decides the next tick.
create table evaluation_head (
  one boolean primary key default true check (one),
  owner text not null default '',
  fence bigint not null default 0,
  expires_at timestamptz not null default 'epoch',
  tick bigint not null default 0
);
insert into evaluation_head default values;

-- Ticks that are decided and perhaps not in ClickHouse yet, with the rows that they bring there (JSON, one a line).
create table evaluation_ticks (
  tick bigint primary key,
  memberships text not null,
  assignments text not null
);

-- Definitions that are worked out for everybody: after a change, or on schedule. Walks the profiles in the order of their ids.
create table evaluation_fills (
  id bigint generated always as identity primary key,
  definitions integer[] not null,
  cause text not null check (cause in ('definition', 'assignment')),
  -- Profiles up to here are done, of those up to `until`; later ones are worked out with their first fact.
  after bigint not null default 0,
  until bigint not null,
  prepared boolean not null default false,
  profiles_done bigint not null default 0,
  profiles_total bigint not null,
  started_at timestamptz not null,
  finished_at timestamptz
);
create index evaluation_fills_open on evaluation_fills (id) where finished_at is null;

-- Each time that somebody entered or left an audience, or gained, lost or changed a tag; written once, in the tick that decides it.
create table transitions (
  id bigint generated always as identity primary key,
  tick bigint not null,
  definition integer not null,
  profile bigint not null,
  -- JSON of the values; null where there was or is none.
  was text,
  is_now text,
  cause text not null check (cause in ('event', 'time', 'assignment', 'historical', 'identity')),
  -- The event's time, or the moment at which it fell due.
  at timestamptz not null,
  decided_at timestamptz not null
);
create index transitions_profile on transitions (profile, id);
