import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { separatePostgresPrograms } from './separate-postgres.ts'

/** Programs outside of npm that some tests need; without them those tests are skipped. */
const wanted = [
  { package: 'postgresql', tests: 'the stores against servers given by URL', present: () => separatePostgresPrograms() !== undefined },
  {
    package: 'chromium',
    tests: 'the browser SDK in a real Chromium',
    present: () => onPath('chromium') || onPath('chromium-browser') || onPath('google-chrome'),
  },
]

/** Installs what is missing where that is possible (root, Debian), and says loudly what will be skipped where it is not. */
export function provideSystemPackages(): void {
  const missing = wanted.filter(program => !program.present())
  if (missing.length > 0 && mayInstall()) install(missing.map(program => program.package))
  for (const program of missing.filter(program => !program.present())) {
    console.warn(`\n!! SKIPPED: ${program.tests}: ${program.package} is not installed here. On Debian: apt-get install ${program.package}`)
  }
}

function mayInstall(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/etc/debian_version') && onPath('apt-get')
}

function install(packages: string[]): void {
  console.log(`── installing ${packages.join(', ')}, which tests need`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] as ['ignore', 'ignore', 'inherit'] }
  spawnSync('apt-get', ['update', '-qq'], quiet)
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], quiet)
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, program)))
}
