# The studio on a CPU, at port 8765:
#     docker build -t styleclip .
#     docker run --rm -it -p 127.0.0.1:8765:8765 styleclip
# `--build-arg PIP_EXTRA_INDEX_URL=URL`, with PyTorch's index of CPU wheels, leaves the libraries of CUDA out.
# It prints an address with a token; open http://localhost:8765/?token=... with the same token (docs/studio.md).
FROM python:3.11-slim-bookworm

RUN useradd --create-home studio
COPY . /src
ARG PIP_EXTRA_INDEX_URL
RUN pip install --no-cache-dir '/src[studio]' && rm -r /src

USER studio
WORKDIR /home/studio
RUN mkdir weights
ENV STYLECLIP_HOME=/home/studio/weights
EXPOSE 8765
HEALTHCHECK CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8765/healthz', timeout=3)"]
CMD ["styleclip", "studio", "--host", "0.0.0.0", "--port", "8765", "--no-browser"]
