"""Short and long forms that mean the same thing in machine learning and its neighbours.

One group a line: forms separated by ``=``, the short form first. Only terms with one dominant reading in
the field: "CV", "DP", "AR" or "MAE" would bring what nobody asked for. A short form with capitals is only
found in capitals (see the matcher), so that "RAG" never means the cloth.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from newsletter.match.fold import fold
from newsletter.match.spelling import word_forms

_TABLE = """
    AGI = artificial general intelligence
    AI = artificial intelligence
    AIGC = AI-generated content
    ASR = automatic speech recognition
    AutoML = automated machine learning
    BCI = brain-computer interface
    BEV = bird's-eye view = birds-eye view
    BNN = Bayesian neural network
    BPE = byte-pair encoding
    CFG = classifier-free guidance
    CLIP = contrastive language-image pre-training
    CNN = convolutional neural network = ConvNet
    CoT = chain of thought = chains of thought
    CPT = continual pre-training = continued pre-training
    CRF = conditional random field
    CTC = connectionist temporal classification
    CTR = click-through rate
    CUA = computer-use agent
    DDPM = denoising diffusion probabilistic model
    DDIM = denoising diffusion implicit model
    DiT = diffusion transformer
    DNN = deep neural network
    DPO = direct preference optimization
    DQN = deep Q-network
    DRL = deep reinforcement learning
    EBM = energy-based model
    EHR = electronic health record
    ELBO = evidence lower bound
    FFN = feed-forward network
    FSDP = fully sharded data parallel
    GAN = generative adversarial network
    GAT = graph attention network
    GCN = graph convolutional network
    GNN = graph neural network
    GPT = generative pre-trained transformer
    GRPO = group relative policy optimization
    GRU = gated recurrent unit
    GUI = graphical user interface
    HCI = human-computer interaction
    HMM = hidden Markov model
    HPC = high-performance computing
    HPO = hyperparameter optimization
    ICL = in-context learning
    IoT = Internet of Things
    IRL = inverse reinforcement learning
    KAN = Kolmogorov-Arnold network
    KD = knowledge distillation
    KG = knowledge graph
    KGE = knowledge graph embedding
    KV cache = key-value cache
    LDM = latent diffusion model
    LLM = large language model
    LMM = large multimodal model
    LoRA = low-rank adaptation
    LRM = large reasoning model
    LSTM = long short-term memory
    LVLM = large vision-language model
    MARL = multi-agent reinforcement learning
    MAS = multi-agent system
    MCMC = Markov chain Monte Carlo
    MCP = model context protocol
    MCTS = Monte Carlo tree search
    MDP = Markov decision process
    MHA = multi-head attention
    MIA = membership inference attack
    MIL = multiple instance learning
    MIM = masked image modeling
    ML = machine learning
    MLA = multi-head latent attention
    MLLM = multimodal large language model = multimodal LLM
    MLM = masked language modeling
    MLP = multi-layer perceptron
    MMDiT = multimodal diffusion transformer
    MoE = mixture of experts = mixtures of experts
    MPC = model predictive control
    MRI = magnetic resonance imaging
    MTL = multi-task learning
    MTP = multi-token prediction
    NAS = neural architecture search
    NeRF = neural radiance field
    NER = named entity recognition
    NLG = natural language generation
    NLI = natural language inference
    NLP = natural language processing
    NLU = natural language understanding
    NMT = neural machine translation
    NTK = neural tangent kernel
    OCR = optical character recognition
    ODE = ordinary differential equation
    OOD = out-of-distribution
    OPD = on-policy distillation
    PCA = principal component analysis
    PDE = partial differential equation
    PEFT = parameter-efficient fine-tuning
    PINN = physics-informed neural network
    POMDP = partially observable Markov decision process
    PPO = proximal policy optimization
    PRM = process reward model
    PTQ = post-training quantization
    QA = question answering
    QAT = quantization-aware training
    QML = quantum machine learning
    RAG = retrieval-augmented generation
    ReLU = rectified linear unit
    RL = reinforcement learning
    RLAIF = reinforcement learning from AI feedback
    RLHF = reinforcement learning from human feedback
    RLVR = reinforcement learning with verifiable rewards
    RNN = recurrent neural network
    RoPE = rotary position embedding = rotary positional embedding
    SAE = sparse autoencoder
    SAM = segment anything model
    SDE = stochastic differential equation
    SDF = signed distance function = signed distance field
    SFT = supervised fine-tuning
    SGD = stochastic gradient descent
    SLAM = simultaneous localization and mapping
    SLM = small language model
    SNN = spiking neural network
    SOTA = state of the art
    SSL = self-supervised learning
    SSM = state space model
    STT = speech-to-text
    SVD = singular value decomposition
    SVM = support vector machine
    SWE = software engineering
    T2I = text-to-image
    T2V = text-to-video
    TTS = text-to-speech
    TTT = test-time training
    UAV = unmanned aerial vehicle
    UDA = unsupervised domain adaptation
    VAE = variational autoencoder
    ViT = vision transformer
    VLA = vision-language-action
    VLM = vision-language model
    VLN = vision-and-language navigation = vision-language navigation
    VQA = visual question answering
    VQ-VAE = vector-quantized variational autoencoder
    WSI = whole slide image
    WSOD = weakly supervised object detection
    XAI = explainable AI = explainable artificial intelligence
    3DGS = 3D Gaussian splatting
"""

GROUPS: tuple[tuple[str, ...], ...] = tuple(
    tuple(form.strip() for form in line.split("=")) for line in _TABLE.strip().splitlines()
)
"""Forms that mean the same, the short one first, each in its singular."""


class Acronyms:
    """Forms that mean the same, ready to be looked up. Two of them are equal only if they are the same object."""

    def __init__(self, groups: Sequence[tuple[str, ...]]) -> None:
        self.groups = tuple(groups)
        self._others: dict[str, dict[str, None]] = {}
        for group in self.groups:
            for form in group:
                others = {other: None for other in group if other != form}
                self._others.setdefault(fold(form).letters, {}).update(others)
        self.longest = max((len(fold(form).surfaces) for group in groups for form in group), default=0)

    def find_others(self, letters: Iterable[str]) -> tuple[str, ...]:
        """Return the other forms of what has one of these joined letters, in the order of the table."""
        found = (self._others[known] for known in sorted(letters) if known in self._others)
        return tuple(dict.fromkeys(other for others in found for other in others))


@lru_cache(maxsize=1)
def shipped_acronyms() -> Acronyms:
    """Return those of the table."""
    return Acronyms(GROUPS)


# --- learning -----------------------------------------------------------------------------

_PARENTHESIS = re.compile(r"\(([^()]{2,120})\)")
_SHORT = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,8}")
_LITTLE_WORDS = "a an and as at by for from in into of on or over the to via with"
_SMALL_WORDS = frozenset(_LITTLE_WORDS.split())
_WORD = re.compile(r"[^\W_]+")
_ENDS = re.compile(r"[.;:!?()]\s*(?=\S)")
_LEAST_TEXTS = 3
_LEAST_SHARE = 0.8
_REACH_CHARS = 160


def learn_acronyms(texts: Iterable[str]) -> Acronyms:
    """Return the shipped acronyms and those that the texts define, whatever order they come in.

    A definition is "long form (LF)" or "LF (long form)" whose words begin with the capitals, little words aside. It
    counts when three texts give it and four in five of all definitions of these capitals agree; what the table knows
    stays.
    """
    defined: dict[str, Counter[str]] = {}
    spelled: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for text in texts:
        found = {(_same(short), _same(long)): (short, long) for short, long in find_definitions(text)}
        for same, forms in found.items():
            defined.setdefault(same[0], Counter())[same[1]] += 1
            spelled.setdefault(same, Counter())[forms] += 1
    known = {_same(form) for group in GROUPS for form in group}
    groups = []
    for short, meanings in sorted(defined.items()):
        long, texts_with = min(meanings.items(), key=lambda pair: (-pair[1], pair[0]))
        is_dominant = texts_with >= _LEAST_TEXTS and texts_with >= _LEAST_SHARE * meanings.total()
        if is_dominant and known.isdisjoint((short, long)):
            (group, _), *_ = sorted(spelled[short, long].items(), key=lambda pair: (-pair[1], pair[0]))
            groups.append(group)
    return Acronyms((*GROUPS, *groups)) if groups else shipped_acronyms()


@lru_cache(maxsize=65536)
def _same(form: str) -> str:
    """Return what the singular and the plural of a form have in common: the first of its spellings."""
    tokens = fold(form).tokens
    before = "".join(token.surface.casefold() for token in tokens[:-1])
    return before + min(word_forms(tokens[-1].surface), key=lambda word: (len(word), word))


def find_definitions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the short and the long form of each definition in a text, as they stand there."""
    for match in _PARENTHESIS.finditer(text):
        before = text[max(0, match.start() - _REACH_CHARS) : match.start()].rstrip()
        if _is_short(match[1]):
            # A long form does not cross the end of a sentence.
            short, long = match[1], _spelled_by(match[1], _ENDS.split(before)[-1], is_whole=False)
        else:
            short, long = before.rpartition(" ")[2], ""
            if _is_short(short):
                long = _spelled_by(short, match[1], is_whole=True)
        if long:
            yield short, long


def _is_short(form: str) -> bool:
    return len(form) <= 9 and sum(map(str.isupper, form)) >= 2 and _SHORT.fullmatch(form) is not None


def _spelled_by(short: str, text: str, *, is_whole: bool) -> str:
    """Return the words, all or the last ones, whose initials are the capitals of a short form; else nothing."""
    capitals = [char.casefold() for char in short if char.isupper()]
    words = [word for word in _WORD.finditer(text) if word[0].casefold() not in _SMALL_WORDS]
    meant = words if is_whole else words[-len(capitals) :]
    if [word[0][0].casefold() for word in meant] != capitals:
        return ""
    return text[meant[0].start() :].strip()
