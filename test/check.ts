import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { separatePostgresPrograms } from './separate-postgres.ts'
import { provideSystemPackages } from './system-packages.ts'
import { both, line, type Verdict, verdictOf } from './verdict.ts'

/** `npm run check`: what has to hold before a change lands, in order, ending at the first step that fails. */
const root = join(import.meta.dirname, '..')
const results = mkdtempSync(join(tmpdir(), 'zhike-check-'))
const started = performance.now()

const steps = [
  {
    name: 'format and lint',
    arguments: ['node_modules/@biomejs/biome/bin/biome', 'check', '.'],
    remedy: 'npm run format mends what can be mended by itself',
  },
  { name: 'types', arguments: ['node_modules/typescript/bin/tsc', '--noEmit'], remedy: 'the compiler names the lines above' },
  { name: 'import direction', arguments: ['test/import-direction.ts'], remedy: 'each line above says what to do' },
]

/** Folders whose tests run a second time against servers given by URL. */
const storeTests = ['src/store']

process.exitCode = await check()
rmSync(results, { recursive: true, force: true })

async function check(): Promise<number> {
  provideSystemPackages()
  for (const step of steps) {
    if ((await timed(step.name, step.arguments)) !== 0) {
      console.error(`\nThe check ends here: ${step.name} failed; ${step.remedy}. The tests have not run.`)
      return 1
    }
  }
  const everything = await tests('tests', ['node_modules/vitest/vitest.mjs', 'run'])
  const byUrl = separatePostgresPrograms() ? await tests('tests of the stores by URL', ['test/by-url.ts', 'run', ...storeTests]) : undefined
  const verdict = byUrl ? both(everything, byUrl) : everything
  for (const fault of verdict.faults) console.error(fault)
  console.log(`\nThe check took ${seconds(started)}.`)
  console.log(line(verdict))
  return verdict.failed === 0 ? 0 : 1
}

async function tests(name: string, command: string[]): Promise<Verdict> {
  const report = join(results, `${name}.json`)
  const code = await timed(name, [...command, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`])
  return verdictOf(report, code)
}

async function timed(name: string, command: string[]): Promise<number> {
  console.log(`\n── ${name}`)
  const from = performance.now()
  const code = await run(command)
  console.log(`── ${name}: ${code === 0 ? 'passed' : 'FAILED'} in ${seconds(from)}`)
  return code
}

/** In this very Node, which also comes first for what the step starts: another one may be first on the path. */
function run(command: string[]): Promise<number> {
  const path = [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
  const child = spawn(process.execPath, command, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: path } })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve(code ?? 1))
  })
}

function seconds(from: number): string {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`
}
