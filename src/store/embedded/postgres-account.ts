import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { Hopeless } from './engine.ts'

/** Who PostgreSQL runs as; empty for ourselves. */
export interface Account {
  uid?: number
  gid?: number
}

/**
 * PostgreSQL refuses to run as root. Started by root it runs as the one who owns its files, and the first time as the user `postgres`, made if
 * need be.
 * @throws when that user cannot be made; the sentence says what to do
 */
export function accountFor(directory: string): Account {
  if (process.getuid?.() !== 0) return {}
  const owner = statSync(directory, { throwIfNoEntry: false })
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  return accountOf('postgres') ?? created('postgres')
}

function accountOf(name: string): Account | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(entry => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid !== undefined && gid !== undefined ? { uid: Number(uid), gid: Number(gid) } : undefined
}

function created(name: string): Account {
  const made = spawnSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', name])
  const account = accountOf(name)
  if (account) return account
  const reason = made.stderr?.toString().trim() || made.error?.message
  throw new Hopeless(
    'account',
    `PostgreSQL does not run as root, and the user “${name}” could not be created (${reason}). Create it, start Zhike as another user, or set ZHIKE_POSTGRES_URL.`,
  )
}

/** Whether the account gets to a path and may do what `test` asks (`-x`, `-r`, `-w`), by asking as that account. */
export function may(account: Account, test: '-x' | '-r' | '-w', path: string): boolean {
  return spawnSync('/bin/sh', ['-c', `test ${test} "$1"`, 'sh', path], { ...account, cwd: '/', stdio: 'ignore' }).status === 0
}
