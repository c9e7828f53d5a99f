-- Properties that held a list at least once, in whatever event: only for these a rule looks into lists.
create table list_properties (
  path text primary key
);
