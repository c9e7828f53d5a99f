-- Every change of a leaf's root, in the order of commit (identity changes one after the other), until ClickHouse's mirror has it.
create table root_changes (
  version bigint generated always as identity primary key,
  leaf bigint not null,
  root bigint not null
);

create function note_root_changes() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into root_changes (leaf, root) select leaf, root from after_rows where root <> leaf;
  else
    insert into root_changes (leaf, root)
      select n.leaf, n.root from after_rows n join before_rows o on o.leaf = n.leaf where o.root <> n.root;
  end if;
  return null;
end
$$;

create trigger leaves_inserted after insert on leaves
  referencing new table as after_rows for each statement execute function note_root_changes();
create trigger leaves_moved after update on leaves
  referencing old table as before_rows new table as after_rows for each statement execute function note_root_changes();
