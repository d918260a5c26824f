# The service. docs/adr/0038 says what is in the image, and why.
FROM node:24-trixie-slim AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM base AS build
# The compiler is pure JavaScript: neither install scripts nor binaries for this platform are needed to build.
RUN --mount=type=cache,target=/var/cache/npm npm ci --cache /var/cache/npm --ignore-scripts --omit=optional
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && rm dist/.tsbuildinfo

FROM base AS dependencies
RUN --mount=type=cache,target=/var/cache/npm npm ci --cache /var/cache/npm --ignore-scripts --omit=dev
# onnxruntime-node carries the libraries of every platform, and one is used. Types, source maps and the compiler, which npm
# installs as a peer of @nestjs/swagger, have no use at run time.
RUN find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -type d \
      ! -path "*/linux/$(node --print process.arch)" -exec rm --recursive {} + \
    && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete \
    && rm --recursive node_modules/typescript node_modules/.bin

FROM node:24-trixie-slim
WORKDIR /app
# The kernel keeps from process 1 every signal that it has no handler for; Node.js has none while it starts. tini passes them
# on. Debian keeps one version of it.
# hadolint ignore=DL3008
RUN --mount=type=tmpfs,target=/var/cache/apt --mount=type=tmpfs,target=/var/lib/apt/lists \
    apt-get update && apt-get install --yes --no-install-recommends tini \
    && install --directory --owner 1000 --group 1000 /data
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY deploy/service deploy/service
COPY ml/model ml/model
COPY --from=build /app/dist dist
ENV NODE_ENV=production LOG_FORMAT=json \
    MODEL_CACHE_DIR=/data/model-cache PREDICTION_LOG_SPOOL_DIR=/data/prediction-spool
# Kubernetes tells from a number alone that it is not root.
USER 1000:1000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["node", "deploy/service/healthcheck.js", "/health/live"]
ENTRYPOINT ["tini", "--"]
# As `npm start`, without npm between: signals reach the service itself.
CMD ["node", "--max-semi-space-size=16", "--heap-growing-percent=40", "dist/main.js"]
ARG VERSION=0.1.0
ARG GIT_COMMIT=unknown
ENV GIT_COMMIT=$GIT_COMMIT
LABEL org.opencontainers.image.title="credit-default-service" \
      org.opencontainers.image.description="Serves a credit default model from MLflow" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$GIT_COMMIT
