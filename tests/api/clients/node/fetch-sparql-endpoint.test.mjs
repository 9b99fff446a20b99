// fetch-sparql-endpoint (the client of Comunica): every kind of query by every method, and updates.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SparqlEndpointFetcher } from 'fetch-sparql-endpoint'

const { SPARQL, UPDATE, TOKEN } = process.env
const WAYS = { get: { method: 'GET' }, form: { method: 'POST' }, direct: { method: 'POST', directPost: true } }

for (const [way, options] of Object.entries(WAYS)) {
  const client = new SparqlEndpointFetcher(options)

  test(`SELECT, ${way}`, async () => {
    const rows = await (await client.fetchBindings(SPARQL, 'SELECT ?o { <http://x/s> ?p ?o }')).toArray()
    assert.deepEqual(rows.map(row => [row.o.value, row.o.language]), [['ї', 'uk']])
  })

  test(`ASK, ${way}`, async () => {
    assert.equal(await client.fetchAsk(SPARQL, 'ASK { <http://x/s> ?p ?o }'), true)
    assert.equal(await client.fetchAsk(SPARQL, 'ASK { <http://x/none> ?p ?o }'), false)
  })

  for (const query of ['CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }', 'DESCRIBE <http://x/s>']) {
    test(`${query}, ${way}`, async () => {
      const quads = await (await client.fetchTriples(SPARQL, query)).toArray()
      assert.deepEqual(quads.map(quad => [quad.subject.value, quad.object.value]), [['http://x/s', 'ї']])
    })
  }
}

for (const address of [UPDATE, SPARQL]) {
  test(`an update at ${address}`, async () => {
    const headers = new Headers({ authorization: `Bearer ${TOKEN}` })
    const client = new SparqlEndpointFetcher({ defaultHeaders: headers })
    await client.fetchUpdate(address, 'INSERT DATA { GRAPH <http://x/fetch> { <http://x/new> <http://x/p> 1 } }')
    assert.equal(await client.fetchAsk(SPARQL, 'ASK { GRAPH <http://x/fetch> { ?s ?p ?o } }'), true)
    await client.fetchUpdate(address, 'DROP GRAPH <http://x/fetch>')
    assert.equal(await client.fetchAsk(SPARQL, 'ASK { GRAPH <http://x/fetch> { ?s ?p ?o } }'), false)
  })
}

test('an error is told', async () => {
  await assert.rejects(new SparqlEndpointFetcher().fetchUpdate(UPDATE, 'CLEAR ALL'), /401/)
})
