-- Where the other stood among the event's identifiers, the strongest first: of equally strong ones, the first decides.
alter table identity_edges add column place smallint not null default 0;
