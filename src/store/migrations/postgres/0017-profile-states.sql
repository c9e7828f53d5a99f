-- What a profile has, as `[[id, since, …], [id, value, score, since], …]`: read and written for everybody who changes, it must cost little.
update profile_states p set state = (
  select '[[' || coalesce(string_agg(key || ',' || value, ',') filter (where jsonb_typeof(value) = 'number'), '') || ']'
    || coalesce(string_agg(',[' || key || ',' || substr(value::text, 2), '') filter (where jsonb_typeof(value) <> 'number'), '') || ']'
  from jsonb_each(p.state::jsonb));
