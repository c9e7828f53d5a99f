import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import type { Postgres } from '../store/postgres.ts'

const text = 'zhike'
const context = 'secret-check'

/**
 * At the start, after the migrations: a data directory has its own check, a shared PostgreSQL none but this.
 * @throws Refusal when the data was written under another secret: to go on would split every person in two
 */
export async function confirmSecret(postgres: Postgres, keys: Keys): Promise<void> {
  await postgres.query('insert into secret_check (sealed) values ($1) on conflict do nothing', [keys.seal(text, context)])
  const [row] = await postgres.query<{ sealed: Buffer }>('select sealed from secret_check')
  if (row && opens(keys, row.sealed)) return
  throw new Refusal(
    409,
    'other-secret',
    'what is in PostgreSQL was written under another secret: start with the ZHIKE_SECRET, or the file "secret", that it was made with',
  )
}

function opens(keys: Keys, sealed: Buffer): boolean {
  try {
    return keys.open(sealed, context).toString() === text
  } catch {
    return false
  }
}
