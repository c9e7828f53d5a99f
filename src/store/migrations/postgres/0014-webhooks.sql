-- Who is told of transitions, and how far. Delivered in order, at least once: the cursor moves when the receiver has said yes.
create table webhooks (
  key text primary key,
  url text not null,
  -- Signs what is sent; sealed.
  secret bytea not null,
  -- `tag:key` and `audience:key`; all without it.
  definitions text[],
  cursor bigint not null,
  state text not null default 'active' check (state in ('active', 'dead')),
  failures integer not null default 0,
  last_error text,
  delivered_at timestamptz,
  next_at timestamptz not null,
  -- Grows with every claim and change, so that a late deliverer moves nothing.
  claim bigint not null default 0,
  claimed_until timestamptz not null default 'epoch',
  updated_at timestamptz not null,
  updated_by text not null
);
