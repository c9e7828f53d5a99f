import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type Bench, reporter, summary } from './report.ts'

/**
 * Runs the bench that the first word names, or lists the benches of the folder.
 * @returns the exit code: 1 when a must is missed or the bench fails, 2 when there is no such bench
 */
export async function benchCommand(folder: string, [name, ...rest]: string[], print: (line: string) => void): Promise<number> {
  const benches = benchesIn(folder)
  const list = [...benches].map(([bench, about]) => `  ${bench.padEnd(16)} ${about}`).join('\n')
  if (name === undefined) {
    print(`npm run bench -- NAME [--option value …], where NAME is one of\n${list}`)
    return 0
  }
  if (!benches.has(name)) {
    print(`There is no bench of that name. There are\n${list}`)
    return 2
  }
  print(`${name}: ${benches.get(name)}`)
  const report = reporter(optionsOf(rest), print)
  const module = (await import(pathToFileURL(join(folder, `${name}.ts`)).href)) as { default: Bench }
  await module.default(report)
  const { figures, missed } = report.outcome()
  if (figures.length === 0) throw new Error(`bench/${name}.ts reported no figure`)
  if (missed.length > 0) print(`missed: ${missed.map(figure => figure.name).join(', ')}`)
  print(summary(name, figures))
  return missed.length > 0 ? 1 : 0
}

/** Files with a default export are benches; the comment above the bench says what it measures. */
function benchesIn(folder: string): Map<string, string> {
  const files = readdirSync(folder).filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  const texts = files.map(file => [file.slice(0, -'.ts'.length), readFileSync(join(folder, file), 'utf8')] as const)
  return new Map(texts.filter(([, text]) => /^export default/m.test(text)).map(([bench, text]) => [bench, aboutOf(text)]))
}

function aboutOf(text: string): string {
  const before = text.slice(0, /^(const \w+: Bench\b|export default)/m.exec(text)?.index).trimEnd()
  const comment = before.endsWith('*/') ? before.slice(before.lastIndexOf('/**') + 3, -2) : ''
  return comment.replace(/\s*\n\s*\*?\s*/g, ' ').trim()
}

function optionsOf(words: string[]): Record<string, string> {
  const { tokens } = parseArgs({ args: words, strict: false, tokens: true, allowPositionals: true })
  const options: Record<string, string> = {}
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'option') continue
    const next = tokens[index + 1]
    options[token.name] = token.value ?? (next?.kind === 'positional' ? next.value : 'true')
  }
  return options
}
