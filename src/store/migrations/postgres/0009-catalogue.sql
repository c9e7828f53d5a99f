-- Kinds of entities that the workspace changed or added. Without a document: the default again, or none any more.
create table entity_kinds (
  kind text primary key,
  document jsonb,
  version integer not null,
  updated_at timestamptz not null,
  updated_by text not null
);

-- The things that events are about: products, contents, stores, advisors …
create table entities (
  kind text not null,
  id text not null,
  document jsonb not null,
  version integer not null,
  updated_at timestamptz not null,
  updated_by text not null,
  primary key (kind, id)
);

-- Every change of an entity, until ClickHouse's mirror has it; without attributes it was deleted. Writers of one entity wait for each other,
-- so its later change has the higher version.
create table entity_changes (
  version bigint generated always as identity primary key,
  kind text not null,
  id text not null,
  attributes jsonb
);

-- What rules can ask for: the attributes, and what else is a plain value.
create function entity_attributes(document jsonb) returns jsonb language sql immutable as $$
  select coalesce(document -> 'attributes', '{}') || (document - 'attributes' - 'tags')
$$;

create function note_entity_changes() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    insert into entity_changes (kind, id) select kind, id from before_rows;
  else
    insert into entity_changes (kind, id, attributes) select kind, id, entity_attributes(document) from after_rows;
  end if;
  return null;
end
$$;

create trigger entities_inserted after insert on entities
  referencing new table as after_rows for each statement execute function note_entity_changes();
create trigger entities_changed after update on entities
  referencing new table as after_rows for each statement execute function note_entity_changes();
create trigger entities_deleted after delete on entities
  referencing old table as before_rows for each statement execute function note_entity_changes();
