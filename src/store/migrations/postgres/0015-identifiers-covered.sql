-- What is looked up of an identifier stands in the index: beside its sealed value, a row of the table is mostly what a look-up does not ask for.
alter table identifiers drop constraint identifiers_pkey, add primary key (hash) include (rest, leaf, generation, special, anchor);
