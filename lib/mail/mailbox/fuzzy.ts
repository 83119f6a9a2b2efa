/**
 * Searches that forgive (RFC 6203): every word of the text looked for must stand there, in any order, as a part of a word
 * or spelt a little differently.
 */
import { eachWord } from './textIndex/words.ts'

export const exactScore = 100
const nearScore = 60

/** The words of what is looked for, each once. */
export function fuzzyWords(wanted: string): string[] {
  const words = new Set<string>()
  eachWord(wanted, (word) => words.add(word))
  return [...words]
}

/** Changes of a letter that a word may have: none in short ones, which would turn into others. */
export function allowedChanges(word: string): number {
  return word.length < 4 ? 0 : word.length < 8 ? 1 : 2
}

/** 1 to 100; 0 when a word is missing. */
export function fuzzyScore(texts: readonly string[], wanted: string): number {
  const words = fuzzyWords(wanted)
  if (words.length === 0) return texts.some((text) => text.includes(wanted)) ? exactScore : 0
  return averageScore(words.map((word) => wordScore(texts, word)))
}

export function averageScore(scores: readonly number[]): number {
  return scores.some((score) => score === 0) ? 0 : Math.round(scores.reduce((sum, score) => sum + score, 0) / scores.length)
}

function wordScore(texts: readonly string[], wanted: string): number {
  if (texts.some((text) => text.includes(wanted))) return exactScore
  const changes = allowedChanges(wanted)
  if (changes === 0) return 0
  let near = false
  for (const text of texts) eachWord(text, (word) => (near ||= isNear(word, wanted, changes)))
  return near ? nearScore : 0
}

export const nearWordScore = nearScore

/** Whether so many letters changed, added, left out or swapped with their neighbour make one word of the other. */
export function isNear(a: string, b: string, changes: number): boolean {
  if (Math.abs(a.length - b.length) > changes) return false
  let start = 0
  while (start < a.length && start < b.length && a.charCodeAt(start) === b.charCodeAt(start)) start++
  let endA = a.length
  let endB = b.length
  while (endA > start && endB > start && a.charCodeAt(endA - 1) === b.charCodeAt(endB - 1)) {
    endA--
    endB--
  }
  if (Math.max(endA, endB) - start <= changes) return true
  if (changes === 0) return false
  return (
    near(a, b, start + 1, start + 1, endA, endB, changes - 1) ||
    near(a, b, start + 1, start, endA, endB, changes - 1) ||
    near(a, b, start, start + 1, endA, endB, changes - 1) ||
    (a.charCodeAt(start) === b.charCodeAt(start + 1) && a.charCodeAt(start + 1) === b.charCodeAt(start) && near(a, b, start + 2, start + 2, endA, endB, changes - 1))
  )
}

function near(a: string, b: string, fromA: number, fromB: number, endA: number, endB: number, changes: number): boolean {
  if (fromA > endA || fromB > endB) return false
  return isNear(a.slice(fromA, endA), b.slice(fromB, endB), changes)
}
