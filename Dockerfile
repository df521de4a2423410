# One image for every process: docker run modelkeeper worker | bridge | console | sandbox, and the CLI.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN node scripts/build.mjs

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
# TLS to AWS and Temporal by the Temporal SDK's native part needs the system's certificates.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/* \
  && install --directory --owner=node --group=node /var/lib/modelkeeper
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY examples examples
COPY scripts/local-queue.mjs scripts/local-queue.mjs
# About 75 % of a 2 GB memory limit; the worker sizes its workflow cache by it. Set it with your limit.
ENV NODE_ENV=production \
  NODE_OPTIONS="--max-old-space-size=1536 --enable-source-maps"
USER node
VOLUME /var/lib/modelkeeper
ENTRYPOINT ["node", "dist/bin/modelkeeper.js"]
CMD ["--help"]
