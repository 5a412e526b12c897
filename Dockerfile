# One COOEE node in a container: docs/testnet.md. The stages stand in this order because the classic
# builder builds every stage above the one that it is asked for, and `prebuilt` must need no network.
ARG BASE_IMAGE=node:24-bookworm-slim

# What both images have, without the program.
FROM ${BASE_IMAGE} AS runtime
ENV NODE_ENV=production \
    COOEE_HOME=/var/lib/cooee \
    # A container that is made anew around its volume is the same machine to the home on it.
    COOEE_MACHINE_ID=container \
    # Below a cgroup limit of 259 MB Node does not look at the limit.
    NODE_OPTIONS=--max-old-space-size=192
RUN install -d -o node -g node -m 0700 /var/lib/cooee /invite \
 && ln -s /opt/cooee/dist/daemon/main.js /usr/local/bin/cooee
COPY containers/mesh-node.sh /usr/local/bin/mesh-node
WORKDIR /var/lib/cooee
USER node
VOLUME /var/lib/cooee
EXPOSE 26633
# A start of Node each time: seldom enough to cost nothing, often enough to be believed.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
  CMD ["cooee", "status"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["cooee"]
CMD ["up"]

# The program as it was built on the host: for builders without a network. The context is a folder
# with dist, node_modules, package.json and containers.
FROM runtime AS prebuilt
COPY package.json /opt/cooee/
COPY node_modules /opt/cooee/node_modules
COPY dist /opt/cooee/dist

# The program, built from the sources.
FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No install scripts: all that they bring is a Node of their own, and the image has one.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY protocols protocols
COPY storage storage
COPY bootstrap bootstrap
COPY daemon daemon
COPY containers/slim.sh containers/
RUN npm run build && npm prune --omit=dev --ignore-scripts && sh containers/slim.sh node_modules

FROM runtime
COPY --from=build /build/package.json /opt/cooee/
COPY --from=build /build/node_modules /opt/cooee/node_modules
COPY --from=build /build/dist /opt/cooee/dist
