# newsletter in a container: docker build -t newsletter .   (podman and buildah likewise; docs/containers.md)
# The program lies in /opt/newsletter and is never written to; all that it keeps is in /var/lib/newsletter.

# The official image's Python is built with profile-guided optimisation: 10 to 20 % less CPU a mail than without.
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
RUN python3 -m venv /opt/newsletter && /opt/newsletter/bin/pip install --no-cache-dir --upgrade "pip>=25.1"
COPY pyproject.toml constraints.txt README.md LICENSE config.example.yaml subscribers.yaml ./
COPY templates templates
COPY newsletter newsletter
# Compiled now: the root of a container that runs may be read-only.
RUN /opt/newsletter/bin/pip install --no-cache-dir --compile --constraint constraints.txt ".[postgres]"

FROM ${PYTHON}
COPY --from=build /opt/newsletter /opt/newsletter
ENV PATH=/opt/newsletter/bin:$PATH PYTHONDONTWRITEBYTECODE=1
RUN mkdir /var/lib/newsletter && chown 10001:10001 /var/lib/newsletter && chmod 700 /var/lib/newsletter
USER 10001:10001
WORKDIR /var/lib/newsletter
VOLUME /var/lib/newsletter
EXPOSE 8080
# Asks the pages, so it needs 'run --web' or 'serve'; say --no-healthcheck where there are none.
HEALTHCHECK --interval=30s --timeout=10s --start-period=1m --retries=3 CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=8)"]
ENTRYPOINT ["newsletter"]
CMD ["run", "--web", "--log-json"]
