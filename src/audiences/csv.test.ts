import { expect, it } from 'vitest'
import { csvLine } from './csv.ts'

it('text that a spreadsheet would run is text', () => {
  const formulas = ['=1+1', '+86', '-1', '@SUM(A1)', '\tx', '\rx', '\0x', '＝1']
  expect(csvLine(formulas.map(text => text))).toBe(`'=1+1,'+86,'-1,'@SUM(A1),'\tx,"'\rx",'\0x,'＝1\r\n`)
})

it('numbers stay numbers, also below zero', () => {
  expect(csvLine([-1.5, 0, true, null, undefined])).toBe('-1.5,0,true,,\r\n')
})

it('commas, quotes and line ends stay inside their cell', () => {
  expect(csvLine(['a,b', 'say "hi"', 'two\nlines', ' plain '])).toBe('"a,b","say ""hi""","two\nlines", plain \r\n')
})

it('a list is its elements, an object its JSON', () => {
  expect(csvLine([['a', 1], { a: [1] }])).toBe('a;1,"{""a"":[1]}"\r\n')
})
