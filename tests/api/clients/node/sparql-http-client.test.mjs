// sparql-http-client (of RDF/JS): every kind of query by every operation, updates, and the Graph Store Protocol.

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import rdf from '@rdfjs/data-model'
import ParsingClient from 'sparql-http-client/ParsingClient.js'
import StreamClient from 'sparql-http-client'

const { SPARQL, UPDATE, GRAPHS, TOKEN } = process.env
const CREDENTIALS = { user: 'anybody', password: TOKEN }
const OPERATIONS = ['get', 'postUrlencoded', 'postDirect']
const COUNT = 'SELECT (COUNT(*) AS ?n) { GRAPH <http://x/rdfjs> { ?s ?p ?o } }'

const reader = new ParsingClient({ endpointUrl: SPARQL })
const count = async () => Number((await reader.query.select(COUNT))[0].n.value)

for (const operation of OPERATIONS) {
  test(`SELECT, ${operation}`, async () => {
    const rows = await reader.query.select('SELECT ?o { <http://x/s> ?p ?o }', { operation })
    assert.deepEqual(rows.map(row => [row.o.value, row.o.language]), [['ї', 'uk']])
  })

  test(`ASK, ${operation}`, async () => {
    assert.equal(await reader.query.ask('ASK { <http://x/s> ?p ?o }', { operation }), true)
    assert.equal(await reader.query.ask('ASK { <http://x/none> ?p ?o }', { operation }), false)
  })

  for (const query of ['CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }', 'DESCRIBE <http://x/s>']) {
    test(`${query}, ${operation}`, async () => {
      const quads = [...await reader.query.construct(query, { operation })]
      assert.deepEqual(quads.map(quad => [quad.subject.value, quad.object.value]), [['http://x/s', 'ї']])
    })
  }
}

// Its postDirect sends an update as application/sparql-query, which the protocol does not allow.
for (const updateUrl of [UPDATE, SPARQL]) {
  test(`an update at ${updateUrl}`, async () => {
    const client = new ParsingClient({ endpointUrl: SPARQL, updateUrl, ...CREDENTIALS })
    await client.query.update('INSERT DATA { GRAPH <http://x/rdfjs> { <http://x/new> <http://x/p> 1 } }')
    assert.equal(await count(), 1)
    await client.query.update('DROP GRAPH <http://x/rdfjs>')
    assert.equal(await count(), 0)
  })
}

test('the graph store', async () => {
  const client = new StreamClient({ storeUrl: GRAPHS, ...CREDENTIALS })
  const graph = rdf.namedNode('http://x/rdfjs')
  const quad = n => rdf.quad(rdf.namedNode(`http://x/${n}`), rdf.namedNode('http://x/p'), rdf.literal('ї'), graph)
  await client.store.put(Readable.from([quad(1), quad(2)]), { graph })
  await client.store.post(Readable.from([quad(3)]), { graph })
  assert.equal(await count(), 3)
  const found = await client.store.get(graph).toArray()
  assert.deepEqual(found.map(row => row.subject.value).sort(), ['http://x/1', 'http://x/2', 'http://x/3'])
  await client.store.put(Readable.from([]), { graph })
  assert.equal(await count(), 0)
})

test('an error is told', async () => {
  const client = new ParsingClient({ endpointUrl: SPARQL, updateUrl: UPDATE })
  await assert.rejects(client.query.update('CLEAR ALL'), /Unauthorized/)
  await assert.rejects(reader.query.select('SELECT'), /Bad Request/)
})
