const EVERY_MS = 1000;

/**
 * Scrapes a service while something happens.
 *
 * @template T
 * @param {string} url of the service
 * @param {() => Promise<T>} work
 * @returns {Promise<[T, Map<string, number>[]]>} the scrapes, by name and labels; the first one is from before
 */
export async function scrapedDuring(url, work) {
  const scrapes = [await scrape(url)];
  let scraping = Promise.resolve();
  const timer = setInterval(() => {
    scraping = scraping.then(async () => void scrapes.push(await scrape(url)));
  }, EVERY_MS);
  try {
    const result = await work();
    clearInterval(timer);
    await scraping;
    scrapes.push(await scrape(url));
    return [result, scrapes];
  } finally {
    clearInterval(timer);
  }
}

async function scrape(url) {
  const response = await fetch(`${url}/metrics`);
  const samples = (await response.text()).matchAll(/^([^#\s]+) (\S+)$/gm);
  return new Map(Array.from(samples, ([, name, value]) => [name, Number(value)]));
}
