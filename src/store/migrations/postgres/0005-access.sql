-- API keys. A key is known by its keyed hash; `hint` is the beginning of its text, to recognise it by.
create table api_keys (
  id text primary key,
  name text not null,
  hash bytea not null unique,
  hint text not null,
  permissions text[] not null,
  created_at timestamptz not null,
  created_by text not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  revoked_by text
);

-- Who did what to what, without personal data: subjects are ids and keys, `details` are names of fields and counts.
create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  who text not null,
  did text not null,
  what text not null,
  details jsonb not null default '{}'
);
create index audit_at on audit (at);
create index audit_what on audit (what);

-- A known text under the deployment's secret: shows at the start whether the secret is the one this data was written with.
create table secret_check (
  one boolean primary key default true check (one),
  sealed bytea not null
);
