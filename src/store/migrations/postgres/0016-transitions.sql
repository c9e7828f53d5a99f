-- What one tick changes of a profile is one row: its changes are numbered one after the other, and `last` is the number of the last of them.
alter table transitions rename to transitions_before;
alter index transitions_profile rename to transitions_before_profile;
create table transitions (
  last bigint primary key,
  tick bigint not null,
  profile bigint not null,
  cause text not null check (cause in ('event', 'time', 'assignment', 'historical', 'identity')),
  -- The event's time, or the moment at which it fell due.
  at timestamptz not null,
  decided_at timestamptz not null,
  -- JSON: a list of [definition, value before, value now]; null where there was or is none.
  changes text not null
);
insert into transitions (last, tick, profile, cause, at, decided_at, changes)
  select id, tick, profile, cause, at, decided_at, json_build_array(json_build_array(definition, was::json, is_now::json))::text from transitions_before;
drop table transitions_before;
create index transitions_profile on transitions (profile, last);

-- How many changes there have been: the next ones are numbered from here.
alter table evaluation_head add column changes bigint not null default 0;
update evaluation_head set changes = coalesce((select max(last) from transitions), 0);
