-- What is known of each leaf's traits: per key the candidates that can still win (see profiles/candidates.ts).
-- JSON as text, because jsonb refuses characters that people do send. Personal traits are sealed.
create table leaf_traits (
  leaf bigint primary key,
  traits text not null,
  personal bytea
);

-- Every change of a personal trait, sealed: its log, as ClickHouse's traits are for the others.
create table personal_traits (
  position bigint not null,
  key text not null,
  leaf bigint not null,
  source text not null,
  ts double precision not null,
  value bytea not null,
  primary key (position, key)
);
create index personal_traits_leaf on personal_traits (leaf);

-- Proof of consents: the text version, channel and whatever the sender gave; the state itself is derived from the facts.
create table consent_proofs (
  position bigint not null,
  purpose text not null,
  leaf bigint not null,
  given boolean not null,
  ts timestamptz not null,
  source text not null,
  proof bytea,
  primary key (position, purpose)
);
create index consent_proofs_leaf on consent_proofs (leaf, purpose);
