-- A file that becomes facts: the file is the durable source, this row says how far it has come.
create table imports (
  id bigint generated always as identity primary key,
  name text not null,
  source text not null,
  -- The mapping document as JSON text.
  mapping text not null,
  -- What the facts of a row are told apart by: source, kind and event. Imports of one scope share a ledger.
  scope text not null,
  -- The mapping's own hash: the same file under the same mapping brings nothing new.
  mapping_hash text not null,
  -- Kind, delimiter and header of the file, as JSON text.
  shape text not null,
  file_name text not null,
  -- Where our copy of it stands until the import has ended.
  file_path text not null,
  file_bytes bigint not null,
  content_hash text not null,
  state text not null check (state in ('waiting', 'running', 'paused', 'cancelled', 'done', 'failed')),
  failure text,
  -- Grows with every process that takes the import up, so that an earlier one cannot commit.
  fence integer not null default 0,
  rows_read bigint not null default 0,
  imported bigint not null default 0,
  rejected bigint not null default 0,
  repeated bigint not null default 0,
  left_out bigint not null default 0,
  -- The checkpoint: everything before it is decided. Bytes are of the decompressed file.
  next_offset bigint not null default 0,
  next_line bigint not null default 1,
  next_inside_refused boolean not null default false,
  -- Of the file as it stands, for the progress.
  bytes_read bigint not null default 0,
  -- How long the file of rejects is at the checkpoint.
  rejects_bytes bigint not null default 0,
  -- Every row of this import arrives at this moment.
  received_at timestamptz not null,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz
);
create index imports_by_content on imports (content_hash);
create index imports_by_scope on imports (scope, id);

-- Batches that were decided: where their rows start in the file, so that one can be stored again after a crash.
create table import_batches (
  range bigint primary key,
  import bigint not null references imports (id) on delete cascade,
  start_offset bigint not null,
  start_line bigint not null,
  start_inside_refused boolean not null,
  rows integer not null
);
create index import_batches_by_import on import_batches (import);

-- Positions of imports: each batch takes a block of 2^20 in partition 31.
create sequence import_positions as bigint increment by 1048576 minvalue 0 start with 0;
