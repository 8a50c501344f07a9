"""Short and long forms that mean the same thing in machine learning and its neighbours.

One group a line: forms separated by ``=``, the short form first. Only terms with one dominant reading in
the field: "CV", "DP", "AR" or "MAE" would bring what nobody asked for. A short form with capitals is only
found in capitals (see the matcher), so that "RAG" never means the cloth.
"""

from __future__ import annotations

_TABLE = """
    AGI = artificial general intelligence
    AI = artificial intelligence
    AIGC = AI-generated content
    ASR = automatic speech recognition
    AutoML = automated machine learning
    BCI = brain-computer interface
    BEV = bird's-eye view
    BNN = Bayesian neural network
    BPE = byte-pair encoding
    CFG = classifier-free guidance
    CLIP = contrastive language-image pre-training
    CNN = convolutional neural network = ConvNet
    CoT = chain of thought
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
    MoE = mixture of experts
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
