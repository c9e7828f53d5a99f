import type { Config } from '../../config.ts'
import { dataDirectory } from './data-directory.ts'
import { diskSpace } from './disk-space.ts'
import { embeddedEngines } from './embedded-engines.ts'
import type { Finding, Look } from './finding.ts'
import { givenStores } from './given-stores.ts'
import { listeningPort } from './listening-port.ts'
import { memory } from './memory.ts'
import { nodeVersion } from './node-version.ts'
import { serverState } from './server-state.ts'
import { stores } from './stores.ts'

const looks: readonly Look[] = [
  nodeVersion,
  memory,
  dataDirectory,
  diskSpace,
  embeddedEngines,
  givenStores,
  listeningPort,
  serverState,
  stores,
]

/** Every look, in order; one that breaks is a finding too. */
export async function findingsOf(config: Config): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const look of looks) {
    try {
      findings.push(...[(await look(config)) ?? []].flat())
    } catch (error) {
      findings.push({
        about: look.name,
        state: 'fault',
        found: `the look at ${look.name} failed: ${error instanceof Error ? error.message : String(error)}`,
      })
    }
  }
  return findings
}
