import { InvalidArgumentError } from 'commander'
import { type Permission, permissions } from '../../access/caller.ts'
import { type CliCommand, configOf } from '../context.ts'
import { table } from '../output.ts'
import { withServer } from '../with-server.ts'

interface ListedKey {
  id: string
  name: string
  hint: string
  permissions: string[]
  createdAt: string
  lastUsedAt: string | null
  revokedAt: string | null
}

/** `zhike keys`: API keys, made, listed and revoked. */
export const keys: CliCommand = (program, context) => {
  const group = program.command('keys').description('API keys')

  group
    .command('list', { isDefault: true })
    .description('every key, without its text')
    .option('--json', 'as JSON', false)
    .action(async (options: { json: boolean }, command) => {
      const { keys: listed } = await withServer(configOf(command, context), context.start, api =>
        api.call<{ keys: ListedKey[] }>('GET', '/api/keys'),
      )
      context.out(
        options.json
          ? JSON.stringify(listed, null, 2)
          : table([['id', 'name', 'key', 'permissions', 'created', 'last used', ''], ...listed.map(rowOf)]),
      )
    })

  group
    .command('create')
    .description('make a key; its text is shown once')
    .requiredOption('--name <name>', 'what it is for')
    .option('--permissions <list>', `some of ${permissions.join(',')}`, permissionList, ['read'])
    .option('--json', 'as JSON', false)
    .action(async (options: { name: string; permissions: Permission[]; json: boolean }, command) => {
      const body = { name: options.name, permissions: options.permissions }
      const made = await withServer(configOf(command, context), context.start, api =>
        api.call<ListedKey & { key: string }>('POST', '/api/keys', body),
      )
      context.out(options.json ? JSON.stringify(made, null, 2) : made.key)
      if (!options.json) context.notes(`made ${made.id} (${made.permissions.join(', ')}); the key above is not shown again`)
    })

  group
    .command('revoke')
    .description('a revoked key opens nothing, at once')
    .argument('<id>', 'id of the key')
    .action(async (id: string, _options: unknown, command) => {
      await withServer(configOf(command, context), context.start, api => api.call('DELETE', `/api/keys/${encodeURIComponent(id)}`))
      context.notes(`revoked ${id}`)
    })
}

function rowOf(key: ListedKey): string[] {
  return [
    key.id,
    key.name,
    `${key.hint}…`,
    key.permissions.join(','),
    key.createdAt.slice(0, 10),
    key.lastUsedAt?.slice(0, 10) ?? 'never',
    key.revokedAt ? 'revoked' : '',
  ]
}

function permissionList(text: string): Permission[] {
  const asked = text.split(',').map(name => name.trim())
  const known = permissions.filter(name => asked.includes(name))
  if (known.length === asked.length && known.length > 0) return known
  throw new InvalidArgumentError(`It must be some of ${permissions.join(', ')}, separated by commas.`)
}
